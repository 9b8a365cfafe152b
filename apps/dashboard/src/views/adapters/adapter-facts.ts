/** What lists tell of an adapter, as text and as something to sort by. */
import type { AdapterObject } from '#contracts/http/adapters.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { methodName } from '../jobs/job-facts.js';
import { labelOf } from '../parts/adapter-label.js';
import { hasWords, type Order, sortBy } from '../parts/long-table.js';

export const origins = ['trained', 'composed', 'imported'] as const;
export type Origin = (typeof origins)[number];
export const originNames: Readonly<Record<Origin, string>> = {
  trained: 'Trained',
  composed: 'Composed',
  imported: 'Imported',
};

export function originOf({ job, recipe }: Pick<AdapterObject, 'job' | 'recipe'>): Origin {
  if (job !== null) return 'trained';
  return recipe === null ? 'imported' : 'composed';
}

/** An adapter, and the job that made it where that is known. */
export interface AdapterRow {
  readonly id: string;
  readonly adapter: AdapterObject;
  readonly job: JobObject | undefined;
}

/** How it was made, such as `DPO` or `2 members`. */
export function methodOf({ adapter, job }: AdapterRow): string {
  if (job) return methodName(job);
  if (adapter.recipe !== null) return `${adapter.recipe.members.length} members`;
  return originNames[originOf(adapter)];
}

export function rankOf({ config }: Pick<AdapterObject, 'config'>): number | null {
  return typeof config['r'] === 'number' ? config['r'] : null;
}

/** What sets it apart from plain LoRA, and what its job was labelled with. */
export function tagsOf({ adapter, job }: AdapterRow): string[] {
  const { config, classes } = adapter;
  const { modules_to_save: saved, bias = 'none' } = config;
  const tags: [boolean, string][] = [
    [config['use_dora'] === true, 'DoRA'],
    [config['use_rslora'] === true, 'rsLoRA'],
    [classes !== null, 'classifier'],
    [Array.isArray(saved) && saved.length > 0, 'full modules'],
    [bias !== 'none' || config['lora_bias'] === true, 'biases'],
  ];
  const labels = Object.entries(job?.metadata ?? {}).map(([key, value]) => `${key}: ${value}`);
  return [...tags.flatMap(([is, tag]) => (is ? [tag] : [])), ...labels];
}

export const columns = ['name', 'base', 'method', 'rank', 'loss', 'size', 'tags', 'created'] as const;
export type Column = (typeof columns)[number];
export type AdapterOrder = Order<Column>;
export const newestFirst: AdapterOrder = { column: 'created', isDown: true };

export interface AdapterFilter {
  /** Words that are all looked for. */
  readonly text: string;
  readonly origin: Origin | 'all';
  /** Name of a base model; empty for all. */
  readonly base: string;
}

export const everyAdapter: AdapterFilter = { text: '', origin: 'all', base: '' };

const keys: Readonly<Record<Column, (row: AdapterRow) => string | number | null>> = {
  name: ({ adapter }) => labelOf(adapter).toLowerCase(),
  base: ({ adapter }) => adapter.model.toLowerCase(),
  method: methodOf,
  rank: ({ adapter }) => rankOf(adapter),
  loss: ({ job }) => job?.progress.loss ?? null,
  size: ({ adapter }) => adapter.bytes,
  tags: (row) => tagsOf(row).join(' ') || null,
  created: ({ adapter }) => adapter.created_at,
};

export function shownAdapters(
  rows: readonly AdapterRow[],
  { text, origin, base }: AdapterFilter,
  order: AdapterOrder,
): AdapterRow[] {
  const found = rows.filter((row) => {
    const { adapter } = row;
    if (base !== '' && adapter.model !== base) return false;
    if (origin !== 'all' && originOf(adapter) !== origin) return false;
    return hasWords([adapter.name, adapter.id, adapter.model, methodOf(row), ...tagsOf(row)].join(' '), text);
  });
  return sortBy(found, keys[order.column], order);
}
