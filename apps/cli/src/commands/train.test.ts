import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { answerAbout, finished, job, messages, plan } from '../../test/answers.js';
import { run } from '../../test/run-cli.js';
import { sendJson, type StubAnswer, type StubServer, stubServer } from '../../../../test/stub-server.js';
import { Interrupted } from '../exit-codes.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

const servers: StubServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: StubAnswer): Promise<StubServer> {
  const server = await stubServer(answer);
  servers.push(server);
  return server;
}

const jobServer = (last: object = finished) => serve(answerAbout(last));

describe('a job that is followed', () => {
  const lines = [
    'waiting, number 2 in the queue',
    'Started',
    'step 1/10 loss 2.0000 50 tokens/s',
    'evaluation after step 1: loss 1.5000, perplexity 4.48, accuracy 0.500, the best so far',
    'warning: Careful',
    'step 10/10 loss 1.0000 60 tokens/s',
    'done: ft:tiny:default::1',
    'fetch it:  lowrank adapters get adapter-1 --out FOLDER',
    'try it:    lowrank chat adapter-1 "PROMPT"',
    '',
  ];

  test('is told in lines where there is no terminal', async () => {
    const { url } = await jobServer();
    expect(await run(['events', '-f', 'ftjob-1'], { url })).toEqual({
      code: 0,
      stdout: lines.join('\n'),
      stderr: '',
    });
  });

  test('is a bar on a terminal, under lines that stay', async () => {
    const { url } = await jobServer();
    const { stdout } = await run(['events', '-f', 'ftjob-1'], { url, isTTY: true });
    const shown = stdout.split('\r\u001b[2K');
    expect(shown).toContain('[#######.................] 3/10 100 tokens/s 70 s left');
    expect(shown.some((text) => text.startsWith('[##########..............] 4/10 loss 2.000 '))).toBe(true);
    expect(shown.every((text) => text.split('\n').at(-1)!.length < 60)).toBe(true);
  });

  test('is the stream itself with --json', async () => {
    const { url } = await jobServer();
    const { stdout } = await run(['events', '-f', 'ftjob-1', '--json'], { url });
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(records.map((record) => record.event)).toEqual([...messages.map(([name]) => name), 'job']);
  });

  test.each([
    ['failed', 7, 'ftjob-1 failed: out_of_memory: too big'],
    ['cancelled', 8, 'ftjob-1 was cancelled'],
  ])('and is %s ends with %i', async (status, expected, message) => {
    const { url } = await jobServer({
      ...job,
      status,
      error: { code: 'out_of_memory', message: 'too big', param: null },
    });
    const { code, stderr } = await run(['events', '-f', 'ftjob-1'], { url });
    expect({ code, stderr }).toEqual({ code: expected, stderr: `error: ${message}\n` });
  });
});

describe('train', () => {
  test('uploads, shows the plan with what is learned marked, submits and follows', async () => {
    const { url, seen } = await jobServer();
    const data = join(folder, 'data.jsonl');
    await writeFile(data, '{}\n');
    const file = join(folder, 'job.json');
    await writeFile(
      file,
      JSON.stringify({
        model: 'other',
        training_file: 'data.jsonl',
        training: { n_epochs: 3 },
        lora: { r: 2 },
      }),
    );
    const args = [
      'train',
      '--job',
      file,
      '--model',
      'tiny',
      '--steps',
      '10',
      '--alpha',
      '4',
      '--set',
      'packing=false',
    ];
    const { code, stdout, stderr } = await run(
      [...args, '--target-modules', 'q_proj,v_proj', '--metadata', 'a=1', '--wandb-project', 'poems'],
      { url },
    );
    expect(code).toBe(0);
    expect(stderr).toBe(`uploading ${data}\n`);
    expect(stdout).toContain('training data: 2 examples, 9 tokens, 4 of them to learn, in 1 blocks of 16');
    expect(stdout).toContain('warning: beware');
    expect(stdout).toContain('  | What?\n  | \u27e6It is 1.\u27e7');
    expect(stdout).toContain('done: ft:tiny:default::1');
    const create = seen.find(({ method, path }) => method === 'POST' && path === '/v1/fine_tuning/jobs')!;
    expect(JSON.parse(create.body)).toEqual({
      model: 'tiny',
      training_file: 'file-2',
      training: { max_steps: 10, packing: false },
      lora: { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'v_proj'] },
      metadata: { a: '1' },
      integrations: [{ type: 'wandb', wandb: { project: 'poems' } }],
    });
    expect(create.headers['idempotency-key']).toMatch(/^[0-9a-f]{32}$/);
    expect(seen.find(({ path }) => path === '/v1/files')!.body).toContain('filename="data.jsonl"');
  });

  test('leaves the job running on Ctrl-C and says how to go on', async () => {
    const abort = new AbortController();
    const { url } = await serve((request, response) => {
      if (request.path.endsWith('/stream')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`event: job\ndata: ${JSON.stringify(job)}\n\n`);
        setTimeout(() => abort.abort(new Interrupted('SIGINT')), 20);
      } else sendJson(response, request.path.endsWith('/plan') ? plan : job);
    });
    const id = `file-${'a'.repeat(24)}`;
    const { code, stdout } = await run(['train', '--model', 'tiny', '--data', id], {
      url,
      signal: abort.signal,
    });
    expect(code).toBe(130);
    expect(stdout).toContain('ftjob-1 goes on without you.\nfollow it:  lowrank events -f ftjob-1');
  });

  test('of a file that is not there names it', async () => {
    const { code, stderr } = await run(['plan', '--model', 'tiny', '--data', join(folder, 'none.jsonl')]);
    expect(code).toBe(2);
    expect(stderr).toContain('none.jsonl cannot be read');
  });
});
