import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterObject } from '#contracts/http/adapters.js';
import { kohya, kohyaFile } from '#adapters/exports/kohya.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { openModelFolder } from '#models/model-folder.js';
import { writeSafetensors } from '#models/safetensors-write.js';
import type { FolderStore } from '#platform/objects/folder-store.js';
import { type AnswerBody, type ApiServer, startApi } from './api-server.js';
import { zipOf } from './zip-of.js';

let api: ApiServer;
let files: Map<string, Buffer>;
const config = {
  peft_type: 'LORA',
  r: 2,
  lora_alpha: 4,
  target_modules: ['q_proj'],
  base_model_name_or_path: 'tiny',
};

beforeAll(async () => {
  api = await startApi({ environment: { MAX_FILE_BYTES: '2000000' } });
  await api.smallJob();
  files = await adapterFiles();
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function adapterFiles(): Promise<Map<string, Buffer>> {
  const { tree } = await openModelFolder(join(api.home, 'models-of-tests', 'tiny'));
  const { modules } = resolveTargetModules(tree, parseLoraConfig(config));
  const tensors = modules.flatMap(({ path, r, inFeatures, outFeatures }) => [
    [
      `base_model.model.${path}.lora_A.weight`,
      { shape: [r, inFeatures], data: new Float32Array(r * inFeatures).fill(0.5) },
    ] as const,
    [
      `base_model.model.${path}.lora_B.weight`,
      { shape: [outFeatures, r], data: new Float32Array(outFeatures * r) },
    ] as const,
  ]);
  const folder = join(api.home, 'adapter-of-tests');
  await mkdir(folder);
  const weights = join(folder, 'adapter_model.safetensors');
  await writeSafetensors(weights, new Map(tensors));
  return new Map([
    ['adapter_config.json', Buffer.from(JSON.stringify(config))],
    ['adapter_model.safetensors', await readFile(weights)],
    ['README.md', Buffer.from('# An adapter\n')],
  ]);
}

const bytes = (text: string) => Buffer.from(text);

/** What people have beside an adapter. */
const entriesWithMore = (): Entry[] => [
  { path: 'run/.gitattributes', content: bytes('*.bin filter=lfs') },
  { path: 'run/tokenizer.json', content: bytes('{}') },
  { path: 'run/optimizer.pt', content: bytes('never opened') },
  { path: 'run/adapter_model.bin', content: bytes('never opened') },
  ...entriesOf('run/'),
  ...entriesOf('run/checkpoint-5/'),
];

interface Entry {
  readonly path: string;
  readonly content?: Buffer;
  readonly type?: ConstructorParameters<typeof Header>[0] extends infer _
    ? 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice'
    : never;
  readonly linkpath?: string;
  /** What the header says, if it is not the truth. */
  readonly size?: number;
}

function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(
    ({ path, content = Buffer.alloc(0), type = 'File', linkpath, size = content.length }) => {
      const block = Buffer.alloc(512);
      new Header({ path, type, linkpath, size, mode: 0o644, mtime: new Date(0) }).encode(block);
      return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
    },
  );
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const entriesOf = (folder = '', all: ReadonlyMap<string, Buffer> = files): Entry[] =>
  [...all].map(([name, content]) => ({ path: `${folder}${name}`, content }));

async function send(archive: Buffer, fields: Readonly<Record<string, string>> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', new Blob([archive]), 'adapter.tar');
  return api.call('POST', '/v1/adapters', form);
}

async function imported(): Promise<AnswerBody> {
  const { status, text, body } = await send(tarOf(entriesOf()));
  expect(status, text).toBe(200);
  return body;
}

async function storedObjects(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of api.platform.objects.list('adapters/')) keys.push(key);
  return keys;
}

describe('an adapter is imported', () => {
  test.each([
    ['a tar', () => tarOf(entriesOf())],
    ['a tar with a folder', () => tarOf([{ path: 'mine/', type: 'Directory' }, ...entriesOf('mine/')])],
    ['a tar of ./', () => tarOf(entriesOf('./'))],
    ['a gzipped tar', () => gzipSync(tarOf(entriesOf('mine/')))],
    ['a zip', () => zipOf(entriesOf('mine/'))],
    ['a tar without a README', () => tarOf(entriesOf().slice(0, 2))],
    ['a tar deep down', () => tarOf(entriesOf('home/me/runs/mine/'))],
    ['a folder that a trainer wrote, checkpoints and all', () => tarOf(entriesWithMore())],
    [
      'a zip of a Mac',
      () => zipOf([...entriesOf('mine/'), { path: '__MACOSX/mine/._README.md', content: bytes('x') }]),
    ],
  ])('from %s', async (_, archive) => {
    const { status, body, text } = await send(archive(), { suffix: 'mine' });
    expect(status, text).toBe(200);
    const adapter = adapterObject.parse(body);
    expect(adapter).toMatchObject({ model: 'tiny', job: null, config });
    expect(adapter.name).toBe(`ft:tiny:default:mine:${adapter.id.replace('adapter-', '')}`);
    expect(adapter.files.map(({ name }) => name)).toContain('adapter_model.safetensors');
    const weights = files.get('adapter_model.safetensors')!;
    expect(adapter.sha256).toBe(createHash('sha256').update(weights).digest('hex'));
    const got = await fetch(`${api.url}/v1/adapters/${adapter.id}/files/adapter_model.safetensors`);
    expect(Buffer.from(await got.arrayBuffer()).equals(weights)).toBe(true);
  });

  test("from a file of kohya's form, by its base's layers", async () => {
    const folder = join(api.home, 'adapter-of-tests');
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
    const adapter = await openAdapter(folder);
    const [baseFolder, output] = [join(api.home, 'models-of-tests', 'tiny'), join(api.home, 'kohya')];
    await kohya.write({ baseFolder, member: { adapter, weight: 1 }, output, dtype: 'f32' });
    const file = await readFile(join(output, kohyaFile));
    const { status, body, text } = await send(file, { model: 'tiny', suffix: 'kohya' });
    expect(status, text).toBe(200);
    const made = adapterObject.parse(body);
    expect(made.config).toMatchObject({ r: config['r'], base_model_name_or_path: 'tiny' });
    for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
      const got = await fetch(`${api.url}/v1/adapters/${made.id}/files/${name}`);
      await writeFile(join(output, name), Buffer.from(await got.arrayBuffer()));
    }
    const again = await openAdapter(output);
    for (const [path, { scale }] of adapter.modules) {
      expect(again.modules.get(path)!.scale).toBe(scale);
      expect(await again.readNumbers(path)).toEqual(await adapter.readNumbers(path));
    }
    const lost = await send(file.subarray(0, -4), { model: 'tiny' });
    expect([lost.status, lost.body.error.param]).toEqual([400, 'file']);
    expect(lost.body.error.message).toMatch(/^lora\.safetensors: /);
  });

  test('and a job goes on from it', async () => {
    const { id, name } = await imported();
    const job = await api.smallJob();
    const made = await api.call('POST', '/v1/fine_tuning/jobs', { ...job, init_adapter: id });
    expect(made.body).toMatchObject({ status: 'queued', init_adapter: id });
    const other = await api.call('POST', '/v1/fine_tuning/jobs', {
      ...job,
      init_adapter: id,
      lora: { r: 3 },
    });
    expect(other.body.error).toMatchObject({ param: 'init_adapter' });
    expect((await api.call('GET', `/v1/models/${encodeURIComponent(String(name))}`)).body).toMatchObject({
      adapter: id,
    });
  });
});

describe('an archive is refused', () => {
  const cases: readonly [what: string, archive: () => Buffer, message: RegExp][] = [
    ['that is none', () => bytes('hello'.repeat(500)), /cannot be read/],
    ['that is empty', () => Buffer.alloc(1024), /cannot be read|has no/],
    ['that breaks off', () => tarOf(entriesOf()).subarray(0, 900), /cannot be read|has no/],
    ['without weights', () => tarOf(entriesOf().slice(0, 1)), /has no adapter_model/],
    ['without a configuration', () => tarOf(entriesOf().slice(1)), /has no adapter_config/],
    [
      'with its weights as a pickle',
      () => tarOf([...entriesOf().slice(0, 1), { path: 'adapter_model.bin', content: bytes('x') }]),
      /pickle/,
    ],
    ['that leads up', () => tarOf(entriesOf('../')), /leads out/],
    ['that leads up within', () => tarOf(entriesOf('a/../../')), /leads out/],
    ['with a whole path', () => tarOf(entriesOf('/etc/')), /leads out/],
    [
      'with a symbolic link',
      () => tarOf([{ path: 'adapter_config.json', type: 'SymbolicLink', linkpath: '/etc/passwd' }]),
      /links/,
    ],
    [
      'with a hard link',
      () => tarOf([...entriesOf(), { path: 'README.md', type: 'Link', linkpath: 'adapter_config.json' }]),
      /links/,
    ],
    ['with a device', () => tarOf([{ path: 'README.md', type: 'CharacterDevice' }]), /links/],
    ['with a file twice', () => tarOf([...entriesOf(), ...entriesOf()]), /twice/],
    [
      'with two adapters',
      () => tarOf([...entriesOf('a/'), ...entriesOf('b/')]),
      /several adapters, in "a", "b"/,
    ],
    [
      'with many entries',
      () =>
        gzipSync(
          tarOf(Array.from({ length: 10_001 }, (_, i) => ({ path: `d${i}/`, type: 'Directory' as const }))),
        ),
      /entries/,
    ],
    [
      'that unpacks to too much',
      () => gzipSync(tarOf([{ path: 'README.md', content: Buffer.alloc(2_500_000) }])),
      /more than|cannot be read/,
    ],
    [
      'of a zip that unpacks to too much',
      () => zipOf([{ path: 'README.md', content: Buffer.alloc(2_500_000) }]),
      /more than/,
    ],
    [
      'of a zip that lies about its sizes',
      () => zipOf([{ path: 'README.md', content: Buffer.alloc(2_500_000), size: 10 }]),
      /cannot be read|more than/,
    ],
    ['of a zip that leads up', () => zipOf(entriesOf('../')), /leads out|cannot be read/],
    [
      'of a zip with a symbolic link',
      () => zipOf([{ path: 'README.md', content: bytes('/etc/passwd'), mode: 0o120_777 }]),
      /links/,
    ],
    ['of a zip that breaks off', () => zipOf(entriesOf()).subarray(0, 300), /cannot be read/],
    [
      'with a huge header',
      () => tarOf([{ path: 'x', type: 'File', size: 2 ** 33 - 1 }]),
      /has no adapter_config|cannot be read/,
    ],
  ];

  test.each(cases)('%s', async (_, archive, message) => {
    const before = await storedObjects();
    const { status, body, text } = await send(archive());
    expect(status, text).toBe(400);
    expect(body.error.message).toMatch(message);
    expect(body.error.param).toBe('file');
    expect(await storedObjects()).toEqual(before);
  });

  const changed = (name: string, content: Buffer) => entriesOf('', new Map([...files, [name, content]]));
  test.each([
    ['a configuration that is no JSON', () => changed('adapter_config.json', bytes('{')), 'file'],
    ['a configuration that is a list', () => changed('adapter_config.json', bytes('[]')), 'file'],
    [
      'a configuration with a NUL',
      () => changed('adapter_config.json', bytes(JSON.stringify({ ...config, a: '\0' }))),
      'file',
    ],
    [
      'another rank',
      () => changed('adapter_config.json', bytes(JSON.stringify({ ...config, r: 3 }))),
      'file',
    ],
    [
      'QALoRA',
      () => changed('adapter_config.json', bytes(JSON.stringify({ ...config, use_qalora: true }))),
      'file',
    ],
    [
      'an unknown base',
      () =>
        changed(
          'adapter_config.json',
          bytes(JSON.stringify({ ...config, base_model_name_or_path: 'other' })),
        ),
      'model',
    ],
    ['weights that are none', () => changed('adapter_model.safetensors', bytes('weights')), 'file'],
    [
      'weights with a NaN',
      () => changed('adapter_model.safetensors', withNaN(files.get('adapter_model.safetensors')!)),
      'file',
    ],
  ])('with %s', async (_, entries, param) => {
    const { status, body, text } = await send(tarOf(entries()));
    expect(status, text).toBe(400);
    expect(body.error.param).toBe(param);
    expect(text).not.toContain(api.home);
  });
});

describe('an adapter that was damaged on the way is refused with what is wrong and what to do', () => {
  const pointer = bytes('version https://git-lfs.github.com/spec/v1\noid sha256:hunter2\nsize 123\n');
  const weights = () => files.get('adapter_model.safetensors')!;
  const again = /[Dd]ownload the file again/;
  const factor = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
  const oneTensor = (dtype: string) => {
    const header = JSON.stringify({ [factor]: { dtype, shape: [2, 2], data_offsets: [0, 4] } });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, bytes(header), Buffer.alloc(4)]);
  };
  const configName = 'adapter_config.json';
  const weightsName = 'adapter_model.safetensors';
  test.each<[what: string, file: string, content: () => Buffer, code: string, fix: RegExp]>([
    ['a pointer as configuration', configName, () => pointer, 'adapter_config_invalid', /git lfs pull/],
    ['an empty configuration', configName, () => bytes(''), 'adapter_config_invalid', again],
    ['other text as configuration', configName, () => bytes('hunter2'), 'adapter_config_invalid', again],
    ['a pointer as weights', weightsName, () => pointer, 'safetensors_not_a_file', /git lfs pull/],
    ['empty weights', weightsName, () => bytes(''), 'safetensors_too_small', again],
    ['half a header', weightsName, () => weights().subarray(0, 90), 'safetensors_header_truncated', again],
    [
      'half of its numbers',
      weightsName,
      () => weights().subarray(0, weights().length - 40),
      'safetensors_truncated',
      again,
    ],
    ['8-bit numbers', weightsName, () => oneTensor('F8_E4M3'), 'unsupported', /F32, BF16, F16 or F64: save/],
    [
      'numbers of a dtype to come',
      weightsName,
      () => oneTensor('F99'),
      'safetensors_unknown_dtype',
      /as F32/,
    ],
  ])('%s', async (_, file, content, code, fix) => {
    const { status, body, text } = await send(tarOf(entriesOf('', new Map([...files, [file, content()]]))));
    expect({ status, code: body.error.code }).toEqual({ status: 400, code });
    expect(body.error.message).toMatch(code === 'unsupported' ? factor : file);
    expect(body.error.message).toMatch(fix);
    expect(text).not.toMatch(/hunter/);
    expect(text).not.toContain(api.home);
  });
});

function withNaN(weights: Buffer): Buffer {
  const copy = Buffer.from(weights);
  copy.writeFloatLE(Number.NaN, copy.length - 4);
  return copy;
}

describe('an adapter', () => {
  test('is one tar, always the same bytes, which can be imported again', async () => {
    const { id } = await imported();
    const get = async () => {
      const response = await fetch(`${api.url}/v1/adapters/${id}/archive`);
      const content = Buffer.from(await response.arrayBuffer());
      expect(response.headers.get('content-length')).toBe(String(content.length));
      return content;
    };
    const archive = await get();
    expect(archive.equals(await get())).toBe(true);
    const again = await send(archive);
    expect(again.status, again.text).toBe(200);
    const same = await fetch(`${api.url}/v1/adapters/${again.body.id}/files/README.md`);
    expect(await same.text()).toBe('---\nbase_model: "tiny"\n---\n\n# An adapter\n');
  });

  test('that was damaged in the store comes broken, never wrong', async () => {
    const { id } = await imported();
    const store = api.platform.objects as FolderStore;
    const file = await store.localFile(`adapters/${id}/adapter_model.safetensors`);
    const content = await readFile(file);
    content[content.length - 1]! ^= 1;
    await writeFile(file, content);
    const download = (what: string) =>
      fetch(`${api.url}/v1/adapters/${id}/${what}`).then((response) => response.arrayBuffer());
    const weights = await api.call('GET', `/v1/adapters/${id}/files/adapter_model.safetensors`);
    expect(weights.status).toBe(500);
    expect(weights.body.error.code).toBe('internal_error');
    await expect(download('archive')).rejects.toThrow(/terminated|closed|fetch failed/);
    await expect(download('files/README.md')).resolves.toBeDefined();
  });

  test.each(['other.txt', '..%2F..%2Fpostgres%2Furl'])('has no file %s', async (name) => {
    const { id } = await imported();
    expect((await api.call('GET', `/v1/adapters/${id}/files/${name}`)).status).toBe(404);
  });

  test('that is deleted is gone, as a model too', async () => {
    const { id, name } = await imported();
    const model = `/v1/models/${encodeURIComponent(String(name))}`;
    expect((await api.call('GET', model)).status).toBe(200);
    expect((await api.call('DELETE', `/v1/adapters/${id}`)).body).toEqual({
      id,
      object: 'adapter',
      deleted: true,
    });
    for (const path of [
      `/v1/adapters/${id}`,
      `/v1/adapters/${id}/archive`,
      `/v1/adapters/${id}/files/README.md`,
      model,
    ]) {
      expect((await api.call('GET', path)).status, path).toBe(404);
    }
    const second = await imported();
    const deleted = await api.call('DELETE', `/v1/models/${encodeURIComponent(String(second['name']))}`);
    expect(deleted.body).toMatchObject({ object: 'model', deleted: true });
    expect((await api.call('GET', `/v1/adapters/${second.id}`)).status).toBe(404);
  });

  test('is listed in pages, by base model if asked', async () => {
    const { id } = await imported();
    const { body } = await api.call('GET', '/v1/adapters?limit=1&model=tiny');
    expect(body).toMatchObject({ has_more: true, data: [{ id }] });
    expect((await api.call('GET', '/v1/adapters?model=other')).body).toMatchObject({ data: [] });
  });
});

describe('base models', () => {
  test('are registered from a folder, and again without harm', async () => {
    const folder = join(api.home, 'models-of-tests', 'tiny');
    const register = async (body: object) => {
      const { body: begun } = await api.call('POST', '/v1/base_models', body);
      const path = `/v1/base_models/registrations/${begun.id}`;
      await expect
        .poll(async () => (await api.call('GET', path)).body.status, { timeout: 30_000 })
        .toBe('done');
      return api.call('GET', path);
    };
    const again = await register({ folder });
    expect(again.body).toMatchObject({
      object: 'base_model.registration',
      status: 'done',
      model: { id: 'tiny', kind: 'base' },
    });
    const named = await register({ folder, name: 'owner/tiny' });
    expect(named.body).toMatchObject({ status: 'done', model: { id: 'owner/tiny' } });
    expect((await api.call('GET', '/v1/models/owner%2Ftiny')).body).toMatchObject({
      id: 'owner/tiny',
      architecture: 'LlamaForCausalLM',
    });
  });

  test('of another content do not take a name without being told', async () => {
    const folder = join(api.home, 'models-of-tests', 'tiny');
    const copy = join(api.home, 'models-of-tests', 'copy');
    await mkdir(copy);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
      await writeFile(join(copy, name), await readFile(join(folder, name)));
    }
    const taken = await api.call('POST', '/v1/base_models', { folder: copy, name: 'tiny' });
    expect(taken.body).toMatchObject({ status: 'failed', error: { code: 'model_name_taken' } });
    const replaced = await api.call('POST', '/v1/base_models', { folder: copy, name: 'tiny', replace: true });
    expect(replaced.body).toMatchObject({ status: 'done' });
    await api.call('POST', '/v1/base_models', { folder, name: 'tiny', replace: true });
  });

  test.each([
    [{ folder: 'models/tiny' }, 'folder'],
    [{ folder: '/nowhere' }, 'folder'],
    [{}, 'folder'],
    [{ folder: '/tmp', name: '../x' }, 'name'],
    [{ folder: '/tmp', colour: 'red' }, 'colour'],
  ])('are refused for %j', async (body, param) => {
    const { status, body: answer } = await api.call('POST', '/v1/base_models', body);
    expect({ status, param: answer.error.param }).toEqual({ status: 400, param });
  });

  test('are not deleted', async () => {
    const { status, body } = await api.call('DELETE', '/v1/models/tiny');
    expect({ status, code: body.error.code }).toEqual({ status: 400, code: 'model_is_base' });
  });
});
