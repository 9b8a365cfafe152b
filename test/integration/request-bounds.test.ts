/** Everything that a request may hold has a size that ends somewhere, and what is larger is refused by name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longestJson } from '#base/bounded-schemas.js';
import { type ApiServer, startApi } from './api-server.js';

interface Schema {
  readonly type?: string | readonly string[];
  readonly [keyword: string]: unknown;
}
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

let api: ApiServer;
let components: Readonly<Record<string, Schema>>;
let operations: (readonly [route: string, Operation])[];
beforeAll(async () => {
  api = await startApi();
  const { body } = await api.call('GET', '/docs-json');
  components = (body['components'] as { schemas: Record<string, Schema> }).schemas;
  const paths = body['paths'] as Record<string, Record<string, Operation>>;
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
  );
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

/** The places in a schema where a value may be as large as it likes. */
function unbounded(schema: Schema, place: string, seen: readonly string[] = []): string[] {
  const inner = (name: string, each: unknown) => unbounded(each as Schema, `${place}.${name}`, seen);
  const reference = schema['$ref'] as string | undefined;
  if (reference !== undefined) {
    const name = reference.split('/').at(-1)!;
    return seen.includes(name) ? [] : unbounded(components[name]!, place, [...seen, name]);
  }
  const alternatives = (schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']) as unknown[] | undefined;
  if (alternatives) return alternatives.flatMap((each, i) => inner(`(${i})`, each));
  if (Array.isArray(schema['enum']) || 'const' in schema) return [];
  const needs = (keyword: string) => (keyword in schema ? [] : [`${place} without ${keyword}`]);
  const [type] = [schema.type].flat().filter((each) => each !== 'null');
  switch (type ?? schema.type) {
    case 'string':
      // Files have a limit of the configuration.
      return schema['format'] === 'binary' ? [] : needs('maxLength');
    case 'array':
      return [...needs('maxItems'), ...inner('items', schema['items'] ?? {})];
    case 'object': {
      const properties = Object.entries((schema['properties'] ?? {}) as Record<string, unknown>);
      const more = schema['additionalProperties'];
      const isOpen = typeof more === 'object' && more !== null;
      const isBounded = !isOpen || properties.length > 0 || 'maxProperties' in schema;
      return [
        ...(isBounded ? [] : [`${place} without maxProperties`]),
        ...(isOpen ? inner('*', more) : []),
        ...properties.flatMap(([name, each]) => inner(name, each)),
      ];
    }
    case 'integer':
    case 'number':
    case 'boolean':
    case 'null':
      return [];
    case undefined:
    default:
      return needs(longestJson);
  }
}

test('every text, list and object of every body, query and path has a largest size', () => {
  expect(operations.length).toBeGreaterThan(40);
  const found = operations.flatMap(([route, { parameters = [], requestBody }]) => [
    ...parameters
      .filter((parameter) => parameter.in !== 'header')
      .flatMap(({ name, schema }) => unbounded(schema, `${route} ${name}`)),
    ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => unbounded(schema, route)),
  ]);
  expect(found).toEqual([]);
});

const job = { model: 'tiny', training_file: 'file-x' };
const repeat = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('what is larger is refused in a moment, by field and limit', () => {
  test.each<[what: string, path: string, body: unknown, field: string, limit: string]>([
    [
      'an expression',
      '/v1/fine_tuning/plan',
      { ...job, lora: { target_modules: 'a'.repeat(900_000) } },
      'lora.target_modules',
      'has 900000 characters; give at most 20000',
    ],
    [
      'an expression that leaves out',
      '/v1/fine_tuning/jobs',
      { ...job, lora: { exclude_modules: '('.repeat(900_000) } },
      'lora.exclude_modules',
      'give at most 20000',
    ],
    [
      'a key of ranks',
      '/v1/fine_tuning/jobs',
      { ...job, lora: { rank_pattern: { ['a'.repeat(900_000)]: 1 } } },
      'lora.rank_pattern.aaaa',
      'give at most 20000',
    ],
    [
      'many ranks',
      '/v1/fine_tuning/jobs',
      { ...job, lora: { alpha_pattern: Object.fromEntries(repeat(3000, 0).map((_, i) => [`a${i}`, 1])) } },
      'lora.alpha_pattern',
      'has 3000 entries; give at most 2000',
    ],
    [
      'many names',
      '/v1/fine_tuning/plan',
      { ...job, lora: { target_modules: repeat(40_000, 'a') } },
      'lora.target_modules',
      'has 40000 entries; give at most 10000',
    ],
    [
      'a list of layers',
      '/v1/fine_tuning/plan',
      { ...job, lora: { layers_pattern: 'a'.repeat(900_000) } },
      'lora.layers_pattern',
      'give at most 20000',
    ],
    ['many values', '/v1/completions', { model: 'tiny', prompt: repeat(340_000, []) }, 'body', 'more than'],
    [
      'many wrong tokens',
      '/v1/completions',
      { model: 'tiny', prompt: repeat(340_000, -1) },
      'prompt',
      'is neither',
    ],
    [
      'many messages',
      '/v1/chat/completions',
      { model: 'tiny', messages: repeat(20_000, {}) },
      'messages',
      'give at most 4096',
    ],
    [
      'a name of a model',
      '/v1/completions',
      { model: 'm'.repeat(900_000), prompt: '' },
      'model',
      'give at most 500',
    ],
    [
      'many fields that there are not',
      '/v1/fine_tuning/jobs',
      { ...job, lora: Object.fromEntries(repeat(4000, 0).map((_, i) => [`field${i}`, 1])) },
      'lora.field0',
      'is not a field',
    ],
    [
      'a value that is not supported',
      '/v1/chat/completions',
      { model: 'tiny', messages: [{ role: 'user', content: 'a' }], functions: repeat(40_000, 'a') },
      'functions',
      'is not supported',
    ],
  ])('%s', async (_, path, body, field, limit) => {
    const start = performance.now();
    const answer = await api.call('POST', path, body);
    const milliseconds = performance.now() - start;
    expect(answer.status).toBe(400);
    expect(answer.body.error.param).toMatch(new RegExp(`^${field}`));
    expect(answer.body.error.message).toContain(limit);
    expect(answer.text.length).toBeLessThan(25_000);
    expect(milliseconds).toBeLessThan(2000);
  });

  test('an id in the path', async () => {
    const { status, body } = await api.call('GET', `/v1/files/${'f'.repeat(8000)}`);
    expect([status, body.error.param]).toEqual([400, 'id']);
    expect(body.error.message.length).toBeLessThan(500);
  });
});
