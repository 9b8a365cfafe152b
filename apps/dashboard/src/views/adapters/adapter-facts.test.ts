import { expect, test } from 'vitest';
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { JobObject } from '#contracts/http/jobs.js';
import {
  type AdapterRow,
  everyAdapter,
  methodOf,
  newestFirst,
  shownAdapters,
  tagsOf,
} from './adapter-facts.js';
import { labelOf } from '../parts/adapter-label.js';

function rowOf(name: string, change: Partial<AdapterObject> = {}, loss: number | null = null): AdapterRow {
  const id = `adapter-${name}`;
  const adapter = {
    id,
    name: `ft:tiny:default:${name}:1`,
    model: 'tiny',
    job: null,
    recipe: null,
    config: { r: 8 },
    classes: null,
    bytes: 1,
    created_at: 1,
    ...change,
  } as AdapterObject;
  const job = {
    progress: { loss },
    method: { type: 'dpo' },
    metadata: { team: 'blue' },
  } as unknown as JobObject;
  return { id, adapter, job: loss === null ? undefined : job };
}

const names = (rows: readonly AdapterRow[]) => rows.map(({ adapter }) => labelOf(adapter));

test('an adapter is called by the suffix of its name, or by its id', () => {
  expect(labelOf({ id: 'adapter-1', name: 'ft:tiny:default:verse:1' })).toBe('verse');
  expect(labelOf({ id: 'adapter-1', name: 'ft:tiny:default::1' })).toBe('adapter-1');
});

test('adapters are found by words, base and origin, and an unknown loss comes last either way', () => {
  const rows = [
    rowOf('a', { created_at: 3, bytes: 20 }),
    rowOf('b', { job: 'ftjob-1', created_at: 2, bytes: 10 }, 0.5),
    rowOf('c', { job: 'ftjob-2', created_at: 1, model: 'other', bytes: 30 }, 0.2),
  ];
  const shown = (filter: object, order = newestFirst) =>
    names(shownAdapters(rows, { ...everyAdapter, ...filter }, order));
  expect(shown({})).toEqual(['a', 'b', 'c']);
  expect(shown({ base: 'other' })).toEqual(['c']);
  expect(shown({ origin: 'trained' })).toEqual(['b', 'c']);
  expect(shown({ text: 'dpo blue' })).toEqual(['b', 'c']);
  expect(shown({}, { column: 'loss', isDown: false })).toEqual(['c', 'b', 'a']);
  expect(shown({}, { column: 'loss', isDown: true })).toEqual(['b', 'c', 'a']);
  expect(shown({}, { column: 'size', isDown: true })).toEqual(['c', 'a', 'b']);
});

test('tags say what is more than plain LoRA', () => {
  const config = { r: 8, use_dora: true, modules_to_save: ['lm_head'] };
  expect(tagsOf(rowOf('a', { config, classes: ['x', 'y'] }))).toEqual(['DoRA', 'classifier', 'full modules']);
  expect(tagsOf(rowOf('a'))).toEqual([]);
  expect(methodOf(rowOf('a', {}, 1))).toBe('DPO');
  expect(methodOf(rowOf('a'))).toBe('Imported');
});
