/** What runs have in common, where they differ, and which did best. */
import type { JobObject } from '#contracts/http/jobs.js';
import { chartsOf, type Line } from '../../charts/lines.js';
import type { JobCurves } from '../../charts/curves.js';
import type { StepTable } from '../../charts/step-table.js';
import { bytes } from '../../format.js';
import { nameOf } from '../jobs/job-facts.js';

export const maxRuns = 8;

/** The jobs that an address names, `?jobs=ftjob-1,ftjob-2`, each once. */
export function parseIds(query: string): string[] {
  const ids = (new URLSearchParams(query).get('jobs') ?? '').split(',').filter((id) => /^[\w-]+$/.test(id));
  return [...new Set(ids)].slice(0, maxRuns);
}

export const queryOfIds = (ids: readonly string[]) => (ids.length === 0 ? '' : `?jobs=${ids.join(',')}`);

export interface Run {
  readonly job: JobObject;
  readonly curves: JobCurves;
}

export interface Setting {
  readonly name: string;
  /** In the order of the runs. */
  readonly values: readonly string[];
}

export interface Settings {
  readonly different: readonly Setting[];
  readonly equal: readonly Setting[];
}

/** Every setting of any of the runs. `fileName` names data files for people. */
export function settingsOf(jobs: readonly JobObject[], fileName: (id: string) => string): Settings {
  const all = jobs.map((job) => entriesOf(job, fileName));
  const names = [...new Set(all.flatMap((entries) => [...entries.keys()]))];
  const settings = names.map((name) => ({ name, values: all.map((entries) => entries.get(name) ?? '–') }));
  const isEqual = ({ values }: Setting) => values.every((value) => value === values[0]);
  return { different: settings.filter((one) => !isEqual(one)), equal: settings.filter(isEqual) };
}

function entriesOf(job: JobObject, fileName: (id: string) => string): Map<string, string> {
  const { training, lora, device } = job.resolved;
  return new Map([
    ['Base model', job.model],
    ['Training data', fileName(job.training_file)],
    ['Validation data', job.validation_file === null ? '–' : fileName(job.validation_file)],
    ['Initial adapter', job.init_adapter ?? '–'],
    ['Device', device ?? job.device],
    ['Seed', String(job.seed)],
    ...flat('', training),
    ...flat('lora.', lora ?? {}),
  ]);
}

function flat(prefix: string, fields: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]): [string, string][] => {
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isGroup && Object.keys(value).length > 0)
      return flat(`${prefix}${name}.`, value as Record<string, unknown>);
    return [[prefix + name, textOf(name, value)]];
  });
}

/** Enough to tell apart what anybody writes; shares of an epoch have as many digits as a number can. */
const digits = 6;

function textOf(name: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number')
    return name.endsWith('_bytes') ? bytes(value) : String(Number(value.toPrecision(digits)));
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return JSON.stringify(value);
}

export interface Result {
  readonly name: string;
  readonly kind: 'number' | 'count' | 'seconds';
  readonly values: readonly (number | null)[];
  /** Which runs did best; none where they are all alike, or where nothing is better than another. */
  readonly best: ReadonlySet<number>;
}

/** What came of the runs, as far as they are. */
export function resultsOf(runs: readonly Run[]): Result[] {
  const result = (
    name: string,
    kind: Result['kind'],
    better: 'low' | 'high' | null,
    valueOf: (run: Run) => number | null,
  ): Result => {
    const values = runs.map(valueOf);
    return { name, kind, values, best: better === null ? new Set() : bestOf(values, better) };
  };
  const validation = (column: string, pick: 'min' | 'max') => (run: Run) =>
    extreme(run.curves.validation, column, pick);
  const results = [
    result('Best validation loss', 'number', 'low', validation('loss', 'min')),
    result('Best validation accuracy', 'number', 'high', validation('accuracy', 'max')),
    result('Last training loss', 'number', 'low', ({ curves }) => finite(curves.training.last('loss'))),
    result('Tokens/s', 'number', 'high', ({ curves }) => mean(curves.training, 'tokens_per_second')),
    result('Steps', 'count', null, ({ job }) => job.progress.step),
    result('Trained tokens', 'count', null, ({ job }) => job.trained_tokens),
    result('Trainable parameters', 'count', null, ({ job }) => job.plan?.trainable_parameters ?? null),
    result('Time', 'seconds', null, ({ job }) =>
      job.started_at === null || job.finished_at === null ? null : job.finished_at - job.started_at,
    ),
  ];
  return results.filter(({ values }) => values.some((value) => value !== null));
}

function bestOf(values: readonly (number | null)[], better: 'low' | 'high'): Set<number> {
  const known = values.filter((value) => value !== null);
  const best = better === 'low' ? Math.min(...known) : Math.max(...known);
  if (known.length < 2 || known.every((value) => value === best)) return new Set();
  return new Set(values.flatMap((value, i) => (value === best ? [i] : [])));
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);

function* numbersOf(table: StepTable, column: string): Generator<number> {
  const values = table.column(column);
  for (let row = 0; row < table.length; row++) if (!Number.isNaN(values[row])) yield values[row]!;
}

function extreme(table: StepTable, column: string, pick: 'min' | 'max'): number | null {
  let found: number | null = null;
  for (const value of numbersOf(table, column)) {
    if (found === null || (pick === 'min' ? value < found : value > found)) found = value;
  }
  return found;
}

function mean(table: StepTable, column: string): number | null {
  let [sum, count] = [0, 0];
  for (const value of numbersOf(table, column)) [sum, count] = [sum + value, count + 1];
  return count === 0 ? null : sum / count;
}

export const runColours = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

/** Something that may be drawn of every run that has it. */
export interface Metric {
  readonly id: string;
  readonly name: string;
  readonly canLog: boolean;
  readonly canSmooth: boolean;
  /** By the place of the run; null for a run without it. */
  readonly lines: readonly (Line | null)[];
}

/** What the charts of any of the runs show, with a line for each run. */
export function metricsOf(runs: readonly Run[]): Metric[] {
  const metrics = new Map<string, { -readonly [Name in keyof Metric]: Metric[Name] }>();
  runs.forEach(({ job, curves }, place) => {
    for (const { title, lines, canLog, canSmooth } of chartsOf(curves, job.method.type)) {
      for (const line of lines) {
        const id = `${line.isSparse === true ? 'evaluation' : 'step'}:${line.column}`;
        const name = lines.length === 1 ? title : `${title}, ${line.label}`;
        const known = metrics.get(id) ?? { id, name, canLog, canSmooth, lines: runs.map(() => null) };
        const own: Line = { ...line, label: nameOf(job), colour: runColours[place]! };
        metrics.set(id, { ...known, lines: known.lines.map((old, i) => (i === place ? own : old)) });
      }
    }
  });
  return [...metrics.values()];
}
