/** Compositions and exports: listed, stopped, and left to the server. */
import { afterEach, describe, expect, test } from 'vitest';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { CompositionObject, ExportObject } from '#contracts/http/compositions.js';
import { page } from '../../test/answers.js';
import { run } from '../../test/run-cli.js';
import {
  sendError,
  sendJson,
  type StubAnswer,
  type StubServer,
  stubServer,
} from '../../../../test/stub-server.js';
import { Interrupted } from '../exit-codes.js';

const work = {
  created_at: 1_700_000_000,
  finished_at: null,
  status: 'running',
  model: 'tiny',
  progress: { stage: 'write', done: 1, total: 4 },
  waiting: null,
  error: null,
} as const;

const composition: CompositionObject = {
  ...work,
  id: 'composition-1',
  object: 'composition',
  members: [
    { adapter: 'adapter-1', weight: 0.7 },
    { checkpoint: 'ftckpt_1', weight: -0.3 },
  ],
  rank: 4,
  energy: null,
  suffix: null,
  report: null,
  adapter: null,
};
const failed: CompositionObject = {
  ...composition,
  status: 'failed',
  progress: null,
  waiting: null,
  error: { code: 'task_died', message: 'x' },
};
const closeness = { norm: 2, kept_norm: 1.9, relative_error: 0.3, kept_energy: 0.91 };
const composed: CompositionObject = {
  ...composition,
  id: 'composition-2',
  status: 'succeeded',
  adapter: 'adapter-2',
  report: {
    recipe_id: 'r',
    stack_rank: 6,
    rank: 4,
    overall: closeness,
    modules: [],
    members: [],
    energy_by_rank: [],
    conflicts: null,
  },
};

const merging: ExportObject = {
  ...work,
  id: 'export-1',
  object: 'export',
  adapter: 'adapter-1',
  checkpoint: null,
  format: 'merged',
  dtype: 'f16',
  max_shard_bytes: 5e9,
  files: [],
  bytes: 0,
};
const merged: ExportObject = {
  ...merging,
  id: 'export-2',
  status: 'succeeded',
  adapter: null,
  checkpoint: 'ftckpt_1',
  dtype: 'f32',
  files: [{ name: 'model.safetensors', bytes: 12_300_000, sha256: 'x' }],
  bytes: 12_300_000,
};
const adapter: AdapterObject = {
  id: 'adapter-1',
  object: 'adapter',
  created_at: 0,
  name: 'sums',
  model: 'tiny',
  base_identity: 'sha256:0',
  job: null,
  composition: null,
  recipe: null,
  config: {},
  classes: null,
  runs_on: [],
  notes: [],
  files: [],
  bytes: 1,
  sha256: 'x',
};

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer): Promise<StubServer> {
  const server = await stubServer(answer);
  servers.push(server);
  return server;
}

describe.each([[['compositions']], [['compositions', 'list']]])('%j', (command) => {
  test('shows status, kept energy, adapter and members as compose takes them', async () => {
    const { url } = await serve((_, response) => sendJson(response, page([composition, composed, failed])));
    const { code, stdout } = await run(command, { url });
    const members = 'adapter-1=0.7 ftckpt_1=-0.3';
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
      'COMPOSITION | STATUS | KEPT ENERGY | ADAPTER | CREATED | MEMBERS',
      expect.stringMatching(`^composition-1 \\| write 25% \\| 2023-.* \\| ${members}$`),
      expect.stringMatching(
        `^composition-2 \\| succeeded \\| 0.910000 \\| adapter-2 \\| 2023-.* \\| ${members}$`,
      ),
      expect.stringMatching(`^composition-1 \\| failed: task_died \\| 2023-.* \\| ${members}$`),
      '',
    ]);
  });

  test('is the first ones as they are answered with --json and --limit', async () => {
    const { url } = await serve((_, response) => sendJson(response, page([composition, composed])));
    const { stdout } = await run([...command, '--limit', '1', '--json'], { url });
    expect(JSON.parse(stdout)).toEqual(composition);
  });
});

test('exports are listed, also those of one adapter only', async () => {
  const { url, seen } = await serve(({ path, query }, response) => {
    if (path === '/v1/adapters') sendJson(response, page([adapter]));
    else sendJson(response, page(query.has('adapter') ? [merging] : [merging, merged]));
  });
  const { stdout } = await run(['exports'], { url });
  expect(stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'EXPORT | STATUS | OF | FORMAT | NUMBERS | SIZE | CREATED',
    expect.stringMatching(/^export-1 \| write 25% \| adapter-1 \| merged \| f16 \| 2023-/),
    expect.stringMatching(/^export-2 \| succeeded \| ftckpt_1 \| merged \| f32 \| 12\.3 MB \| 2023-/),
    '',
  ]);
  const own = await run(['exports', '--adapter', 'sums', '--json'], { url });
  expect(JSON.parse(own.stdout)).toEqual(merging);
  expect(seen.at(-1)!.query.get('adapter')).toBe('adapter-1');
});

describe.each([
  ['compositions', 'composition-1', composition],
  ['exports', 'export-1', merging],
] as const)('%s', (kind, id, made) => {
  test('are cancelled and deleted by their id', async () => {
    const { url, seen } = await serve(({ method }, response) => {
      if (method === 'POST') sendJson(response, { ...made, status: 'cancelled' });
      else sendJson(response, { id, object: made.object, deleted: true });
    });
    expect(await run([kind, 'cancel', id], { url })).toMatchObject({
      code: 0,
      stdout: `${id} is cancelled\n`,
    });
    expect(await run([kind, 'delete', id], { url })).toMatchObject({ code: 0, stdout: `${id} is deleted\n` });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST /v1/${kind}/${id}/cancel`,
      `DELETE /v1/${kind}/${id}`,
    ]);
  });

  test('that are over are not cancelled, and the reason is told', async () => {
    const { url } = await serve((_, response) =>
      sendError(response, 400, {
        message: 'it is succeeded: delete it instead',
        code: `${kind.slice(0, -1)}_finished`,
      }),
    );
    expect(await run([kind, 'cancel', id], { url })).toEqual({
      code: 6,
      stdout: '',
      stderr: 'error: it is succeeded: delete it instead\n',
    });
  });

  const making = kind === 'exports' ? ['export', 'adapter-1'] : ['compose', 'adapter-1=1'];

  test.each([[false], [true]])('go on at the server after Ctrl-C (terminal: %s)', async (isTTY) => {
    const abort = new AbortController();
    const { url, seen } = await serve(({ path, method }, response) => {
      if (path === '/v1/adapters/adapter-1') sendJson(response, adapter);
      else if (method === 'POST') sendJson(response, made);
      // The answer never comes: the wait for it ends too.
      else abort.abort(new Interrupted('SIGINT'));
    });
    const { code, stdout, stderr } = await run(making, { url, signal: abort.signal, isTTY });
    const text = `${id} goes on without you.\nlook at it:  lowrank ${kind}\ncancel it:   lowrank ${kind} cancel ${id}\n`;
    expect([code, stderr]).toEqual([130, '']);
    expect(stdout.split('\r\u001b[2K').at(isTTY ? -1 : 0)).toBe(text);
    expect(
      seen.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`),
    ).toEqual([`POST /v1/${kind}`]);
  });

  test('are told as they stand after Ctrl-C with --json', async () => {
    const abort = new AbortController();
    const { url } = await serve(({ path, method }, response) => {
      if (path === '/v1/adapters/adapter-1') sendJson(response, adapter);
      else if (method === 'POST') sendJson(response, made);
      else abort.abort(new Interrupted('SIGINT'));
    });
    const { code, stdout } = await run([...making, '--json'], { url, signal: abort.signal });
    expect([code, JSON.parse(stdout)]).toEqual([130, made]);
  });
});

test('an adapter is shown with the programs that load it, and the export that does for others', async () => {
  const runs_on = [
    { program: 'PEFT', runs: true, reason: null, export: null },
    { program: 'vLLM', runs: false, reason: 'DoRA (use_dora) is not read', export: 'merged' },
  ];
  const { url } = await serve((_, response) => sendJson(response, { ...adapter, runs_on }));
  const { stdout } = await run(['adapters', 'show', 'adapter-1'], { url });
  const lines = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | ').trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^PEFT \| yes/),
      'vLLM | no | DoRA (use_dora) is not read | merged',
    ]),
  );
});

test.each([
  [['--merged', 'gguf:q8_0'], { format: 'merged-gguf', dtype: 'q8_0' }],
  [['--format', 'gguf'], { format: 'gguf' }],
  [[], { format: 'merged', dtype: 'f16' }],
])('export with %j asks for %j', async (flags, order) => {
  const { url, seen } = await serve(({ path }, response) =>
    sendJson(response, path.startsWith('/v1/adapters') ? adapter : merged),
  );
  const { code } = await run(['export', 'adapter-1', ...flags], { url });
  expect(code).toBe(0);
  const asked = seen.find(({ method, path }) => method === 'POST' && path === '/v1/exports');
  expect(JSON.parse(asked!.body)).toEqual({ adapter: 'adapter-1', ...order });
});

test.each([
  [['--merged', 'gguf:f8'], /Allowed choices are f16, bf16, f32, gguf:f16/],
  [['--merged', 'f16', '--format', 'gguf'], /give --merged or --format, not both/],
  [['--dtype', 'f16'], /--dtype goes with --format/],
])('export with %j is a mistake', async (flags, message) => {
  const { url } = await serve((_, response) => sendJson(response, adapter));
  const { code, stderr } = await run(['export', 'adapter-1', ...flags], { url });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
