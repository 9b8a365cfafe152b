/** The checks of the page refuse what the contracts refuse, and nothing else. */
// Zod describes a schema in its field _zod.
/* oxlint-disable no-underscore-dangle */
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { metricPage } from '#contracts/http/streams.js';
import { contracts } from './all-contracts.js';
import { checkOf, checksOfModule, codeOf } from './contract-checks.js';
import * as checks from './src/api/checks.js';

type Schema = z.core.$ZodTypes;
type Path = readonly (string | number)[];

const compile = (schema: z.ZodType): checks.Check =>
  // Code that the build would write into a module.
  // oxlint-disable-next-line typescript/no-implied-eval
  new Function('c', `return ${codeOf(schema, () => undefined)}`)(checks) as checks.Check;

/** A value that a schema accepts, with the paths at which it would put a default. */
function sampleOf(schema: Schema, path: Path, defaults: Set<string>): unknown {
  const { def } = schema._zod;
  const inner = (part: unknown, ...step: Path) => sampleOf(part as Schema, [...path, ...step], defaults);
  // What is not named is no mere check.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'string':
      return 'text';
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'literal':
      return def.values[0];
    case 'enum':
      return Object.values(def.entries)[0];
    case 'default':
      defaults.add(path.join('.'));
      return inner(def.innerType);
    case 'nullable':
    case 'optional':
    case 'readonly':
      return inner(def.innerType);
    case 'array':
      return [inner(def.element, 0)];
    case 'tuple':
      return def.items.map((item, i) => inner(item, i));
    case 'record':
      return { key: inner(def.valueType, 'key') };
    case 'object':
      return Object.fromEntries(
        Object.entries(def.shape).map(([field, part]) => [field, inner(part, field)]),
      );
    case 'union':
      return inner(def.options[0]);
    default:
      return null;
  }
}

const others: readonly unknown[] = [
  undefined,
  null,
  'other',
  '',
  0,
  -1,
  1.5,
  1e300,
  true,
  [],
  {},
  [null],
  { key: null },
];

function* pathsIn(value: unknown, path: Path = []): Iterable<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value))
    yield* pathsIn(part, [...path, Array.isArray(value) ? Number(key) : key]);
}

function replaced(value: unknown, [step, ...rest]: Path, other: unknown): unknown {
  if (step === undefined) return other;
  if (Array.isArray(value))
    return value.map((item, i) => (i === step ? replaced(item, rest, other) : (item as unknown)));
  const fields = value as Record<string, unknown>;
  return { ...fields, [step]: replaced(fields[step], rest, other) };
}

const answers = Object.values(contracts as Record<string, Record<string, unknown>>)
  .flatMap((exports) => Object.entries(exports))
  .filter(
    (entry): entry is [string, z.ZodType] =>
      /(Object|Page|List|Body|StreamMessage|deleted|Completion|Chunk)$/.test(entry[0]) &&
      typeof entry[1] === 'object',
  );

test('every answer that clients read is among them', () => {
  const names = answers.map(([name]) => name);
  for (const name of [
    'jobObject',
    'planObject',
    'metricPage',
    'adapterPage',
    'compositionObject',
    'errorBody',
    'chatCompletionChunk',
  ]) {
    expect(names).toContain(name);
  }
  expect(names.length).toBeGreaterThan(30);
});

describe.each(answers)('%s', (_, schema) => {
  test('is checked as its contract says, whatever stands in any place', () => {
    const check = compile(schema);
    const defaults = new Set<string>();
    const sample = sampleOf(schema as unknown as Schema, [], defaults);
    expect(schema.safeParse(sample)).toMatchObject({ success: true });
    expect(check(sample)).toBeUndefined();
    expect(check({ ...(sample as object), more: 1 }) === undefined).toBe(
      schema.safeParse({ ...(sample as object), more: 1 }).success,
    );
    for (const path of pathsIn(sample)) {
      for (const other of others) {
        if (other === undefined && defaults.has(path.join('.'))) continue;
        const changed = replaced(sample, path, other);
        const isSound = check(changed) === undefined;
        expect({ path, other, isSound }).toEqual({ path, other, isSound: schema.safeParse(changed).success });
      }
    }
  });
});

test('a problem is told with its place', () => {
  const check = compile(metricPage);
  const metric = {
    id: 'a',
    object: 'fine_tuning.job.metric',
    created_at: 1,
    seq: 1,
    step: 1,
    kind: 'step',
    values: { loss: 'x' },
  };
  const page = { object: 'list', data: [metric], has_more: false, first_id: null, last_id: null };
  expect(check(page)).toMatchObject({ path: ['data', 0, 'values', 'loss'] });
});

test('a check imports those that are part of it, and what changes its input has none', () => {
  const module = '../../libs/contracts/http/streams.ts';
  const byPath = contracts as Record<string, Record<string, unknown>>;
  const text = checksOfModule(module, byPath);
  expect(text).toContain(`export { metricPage } from "${module}?check=metricPage"`);
  expect(text).toContain('export const jobStreamEvents = ["event","metric","job","progress"]');
  expect(text).not.toContain('metricListQuery');
  const message = checkOf(module, 'jobStreamMessage', byPath);
  expect(message).toContain('import { jobObject as ');
  expect(message).toContain('"job": /*#__PURE__*/ c.object(');
});

test('a page of 5,000 metrics is checked in a small part of the time that its contract takes', () => {
  const check = compile(metricPage);
  const values = {
    loss: 1.5,
    accuracy: 0.5,
    grad_norm: 1,
    learning_rate: 1e-4,
    tokens_per_second: 900,
    epoch: 1,
    tokens: 512,
    loss_tokens: 300,
  };
  const data = Array.from({ length: 5000 }, (_, i) => ({
    id: `m${i}`,
    object: 'fine_tuning.job.metric',
    created_at: 1,
    seq: i,
    step: i,
    kind: 'step',
    values,
  }));
  const page = { object: 'list', data, has_more: false, first_id: 'm0', last_id: 'm4999' };
  const msOf = (work: () => unknown) => {
    const started = performance.now();
    for (let i = 0; i < 5; i++) expect(work()).toBeTruthy();
    return (performance.now() - started) / 5;
  };
  const [contract, own] = [
    msOf(() => metricPage.safeParse(page).success),
    msOf(() => check(page) === undefined),
  ];
  console.log(`5,000 metrics: ${contract.toFixed(1)} ms by the contract, ${own.toFixed(1)} ms by the check`);
  expect(own).toBeLessThan(contract);
});
