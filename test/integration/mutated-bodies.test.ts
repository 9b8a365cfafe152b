/** Thousands of requests that are wrong in ways that nobody thought of: each is answered, none by a failure. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { errorBody } from '#contracts/http/errors.js';
import { type ApiServer, scriptedGenerator, startApi, sums } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';
import { zipOf } from './zip-of.js';

const seed = 20261124;
let api: ApiServer;
let job: { model: string; training_file: string };
let adapter: string;
beforeAll(async () => {
  api = await startApi({
    generatorMain: scriptedGenerator,
    environment: { MAX_FILE_BYTES: '200000' },
    pace: { idleSeconds: 2, graceSeconds: 60, bytesPerSecond: 1 },
  });
  job = await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());
/** Whether the server is as well as before. */
async function isWell(): Promise<boolean> {
  const ready = await api.call('GET', '/ready');
  const plan = await api.call('POST', '/v1/fine_tuning/plan', job);
  return ready.status === 200 && plan.status === 200;
}

async function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer,
): Promise<void> {
  const response = await fetch(`${api.url}${path}`, { method, headers, body });
  const text = await response.text();
  expect(response.status, text).toBeLessThan(500);
  if (response.status >= 400) errorBody.parse(JSON.parse(text));
}

/** Values that programs trip over. */
const oddValue = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  fc.constantFrom<unknown>(
    null,
    '',
    'auto',
    '\0',
    '\ud800',
    '__proto__',
    'constructor',
    -0,
    1e308,
    -1,
    0.5,
    2 ** 53,
    [],
    {},
    true,
  ),
  fc.integer({ min: 1, max: 5000 }).map((length) => 'a'.repeat(length)),
  fc
    .integer({ min: 1, max: 60 })
    .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const fieldName = fc.constantFrom(
  'model',
  'training_file',
  'validation_file',
  'suffix',
  'seed',
  'metadata',
  'method',
  'hyperparameters',
  'lora',
  'training',
  'device',
  'init_adapter',
  'integrations',
  '__proto__',
  'toString',
  'colour',
  'folder',
  'name',
  'replace',
);
const innerName = fc.constantFrom(
  'r',
  'lora_alpha',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'rank_pattern',
  'init_lora_weights',
  'learning_rate',
  'n_epochs',
  'max_steps',
  'batch_size',
  'block_length',
  'sample_prompts',
  'eval_steps',
  'type',
  'supervised',
  'learning_rate_multiplier',
  'use_dora',
  '__proto__',
  'warmup_ratio',
  'recompute',
  'seed',
  'device',
);

/** The job with some fields replaced, at the top and within. */
const oddJob = fc
  .tuple(
    fc.array(fc.tuple(fieldName, oddValue), { maxLength: 4 }),
    fc.array(
      fc.tuple(
        fc.constantFrom('lora', 'training', 'hyperparameters', 'method', 'metadata'),
        innerName,
        oddValue,
      ),
      { maxLength: 4 },
    ),
    fc.subarray(['model', 'training_file'] as const, { minLength: 1 }),
  )
  .map(([fields, inner, kept]) => {
    const body: Record<string, unknown> = Object.fromEntries(kept.map((name) => [name, job[name]]));
    const put = (place: object, name: string, value: unknown) =>
      Object.defineProperty(place, name, { value, enumerable: true, configurable: true, writable: true });
    for (const [part, name, value] of inner) {
      if (typeof body[part] !== 'object' || body[part] === null) body[part] = {};
      put(body[part] as object, name, value);
    }
    for (const [name, value] of fields) put(body, name, value);
    return body;
  });

/** Bytes with pieces cut out, put in or changed. */
function oddBytes(sound: () => Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 20_000 })),
    put: fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .constantFrom('\r\n', '--xyz', '--xyz--', '\0', '{', '"', 'Content-')
        .map((text) => Buffer.from(text)),
    ),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
    edits.reduce((bytes, { at, cut, put }) => {
      const place = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(place + cut)]);
    }, sound()),
  );
}

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'multipart/form-data; boundary=xyz' };
const formOf = (content: Buffer, name = 'a.jsonl') =>
  Buffer.concat([
    Buffer.from('--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'),
    Buffer.from(
      `--xyz\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/plain\r\n\r\n`,
    ),
    content,
    Buffer.from('\r\n--xyz--\r\n'),
  ]);

/** Sends requests made of arbitrary values; yields how many were answered. */
async function answered<T>(
  count: number,
  arbitrary: fc.Arbitrary<T>,
  ask: (value: T) => Promise<void>,
): Promise<number> {
  let answers = 0;
  const property = fc.asyncProperty(arbitrary, async (value) => {
    await ask(value);
    answers++;
  });
  await fc.assert(property, { seed, numRuns: count });
  return answers;
}

const jobRoutes = fc.constantFrom('/v1/fine_tuning/jobs', '/v1/fine_tuning/plan', '/v1/base_models');

test('700 odd jobs', async () => {
  const answers = await answered(700, fc.tuple(jobRoutes, oddJob), ([path, body]) =>
    send('POST', path, json, Buffer.from(JSON.stringify(body))),
  );
  expect(answers).toBe(700);
  expect(await isWell()).toBe(true);
}, 300_000);

const promptField = fc.constantFrom(
  'model',
  'messages',
  'prompt',
  'members',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'seed',
  'stop',
  'stream',
  'stream_options',
  'n',
  'logit_bias',
  'tools',
  'metadata',
  '__proto__',
);

test('500 odd prompts', async () => {
  const message = { role: 'user', content: 'Is it?' };
  const routes = fc.constantFrom(
    ['/v1/chat/completions', { model: 'tiny', messages: [message] }] as const,
    ['/v1/completions', { model: 'tiny', prompt: 'Is it?' }] as const,
  );
  /** What else a request may hold, odd or not. */
  const field = fc.oneof(
    fc.tuple(promptField, oddValue),
    fc.tuple(
      fc.constant('members'),
      fc.array(fc.record({ adapter: fc.constant(adapter), weight: oddValue })),
    ),
    fc.tuple(fc.constant('messages'), fc.array(fc.record({ role: fc.constant('user'), content: oddValue }))),
    fc.constantFrom<[string, unknown]>(['stream', true], ['stop', ['a', 'b']], ['temperature', 0]),
  );
  const odd = fc.tuple(routes, fc.array(field, { maxLength: 3 }));
  const answers = await answered(500, odd, ([[path, sound], fields]) => {
    const body = { ...sound };
    for (const [name, value] of fields) {
      Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return send('POST', path, json, Buffer.from(JSON.stringify(body)));
  });
  expect(answers).toBe(500);
  expect(await isWell()).toBe(true);
}, 300_000);

test('300 broken bodies of jobs', async () => {
  const sound = () => Buffer.from(JSON.stringify({ ...job, lora: { r: 4 }, training: { max_steps: 3 } }));
  const type = fc.constantFrom(
    'application/json',
    'text/plain',
    'application/json; charset=utf-16',
    'application/xml',
    '',
  );
  const answers = await answered(
    300,
    fc.tuple(jobRoutes, type, oddBytes(sound)),
    ([path, contentType, body]) =>
      send('POST', path, contentType === '' ? {} : { 'content-type': contentType }, body),
  );
  expect(answers).toBe(300);
  expect(await isWell()).toBe(true);
}, 300_000);

test('500 broken uploads of files', async () => {
  const broken = fc.oneof(
    oddBytes(() => formOf(Buffer.from(sums(5)))),
    oddBytes(() => Buffer.from(sums(5))).map((content) => formOf(content)),
    fc
      .tuple(fc.string({ unit: 'binary', maxLength: 60 }), fc.uint8Array({ maxLength: 300 }))
      .map(([name, content]) => formOf(Buffer.from(content), name)),
  );
  const answers = await answered(500, broken, (body) => send('POST', '/v1/files', form, body));
  expect(answers).toBe(500);
  expect(await isWell()).toBe(true);
}, 300_000);

test('300 broken archives of adapters', async () => {
  const zip = zipOf([
    {
      path: 'adapter_config.json',
      content: Buffer.from(
        '{"peft_type":"LORA","r":2,"target_modules":["q_proj"],"base_model_name_or_path":"tiny"}',
      ),
    },
    { path: 'adapter_model.safetensors', content: Buffer.alloc(600) },
  ]);
  const tar = Buffer.alloc(2048);
  tar.write('adapter_config.json');
  tar.write('0000644\0', 100);
  tar.write('00000000002\0', 124);
  tar.write('ustar\u000000', 257);
  tar.write('0', 156);
  const broken = fc.oneof(
    oddBytes(() => zip),
    oddBytes(() => tar),
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  );
  const answers = await answered(300, broken, (archive) => {
    const body = formOf(archive, 'a.zip');
    // The purpose is no field of an import.
    return send('POST', '/v1/adapters', form, body.subarray(body.indexOf('--xyz', 5)));
  });
  expect(answers).toBe(300);
  expect(await isWell()).toBe(true);
}, 300_000);

test('200 odd paths and queries', async () => {
  const start = fc.constantFrom(
    '/v1/files',
    '/v1/fine_tuning/jobs',
    '/v1/models',
    '/v1/adapters',
    '/v1/base_models/registrations',
    '/v1/workers',
    '/v1',
    '/',
  );
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('..', '%00', '.', 'content', 'events', 'metrics', 'cancel', 'ft:a:b:c:d'),
  );
  const query = fc.array(
    fc.tuple(
      fc.constantFrom('limit', 'after', 'order', 'stream', 'metadata', 'metadata[a]', 'x'),
      fc.string({ unit: 'binary', maxLength: 12 }),
    ),
    { maxLength: 3 },
  );
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH');
  const encode = (text: string) => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'));
  const answers = await answered(
    200,
    fc.tuple(method, start, fc.array(piece, { maxLength: 3 }), query),
    ([verb, base, pieces, parameters]) => {
      const path = [base, ...pieces.map(encode)].join('/');
      const text = parameters.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
      return send(verb, `${path}?${text}`, { 'idempotency-key': 'k', 'last-event-id': '1' });
    },
  );
  expect(answers).toBe(200);
  expect(await isWell()).toBe(true);
}, 300_000);
