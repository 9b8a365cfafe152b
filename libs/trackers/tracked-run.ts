/** A training run as experiment trackers are told of it. */

/** How a run stands. */
export type RunState = 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface TrackedRun {
  readonly jobId: string;
  /** For people. */
  readonly name: string;
  readonly createdAt: Date;
  /** Null before the first step was asked for. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly state: RunState;
  /** Model, data and options, as nested JSON. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Texts to find the run by. */
  readonly tags: Readonly<Record<string, string>>;
  /** What the job says of the tracker in `integrations`, checked by its schema; null if nothing. */
  readonly settings: Readonly<Record<string, unknown>> | null;
}

/** What was measured at a step, in the order of `seq`. */
export interface Measured {
  /** 1, 2, 3 ... within the job. */
  readonly seq: number;
  readonly step: number;
  readonly kind: string;
  readonly at: Date;
  readonly values: Readonly<Record<string, unknown>>;
}

/** As transformers names them: `train/loss`, `eval/loss`. Kinds that hold no curves are left out. */
const groups: Readonly<Record<string, string>> = { step: 'train', evaluation: 'eval' };

/** The curves that a measurement has points of. */
export function scalarsOf({ kind, values }: Measured): [name: string, value: number][] {
  const group = groups[kind];
  if (group === undefined) return [];
  return Object.entries(values).flatMap(([name, value]): [string, number][] =>
    typeof value === 'number' && Number.isFinite(value) ? [[`${group}/${name}`, value]] : [],
  );
}

/** `{lora: {r: 8}}` as `{'lora.r': 8}`; lists as JSON, and nothing for null. */
export function flattened(
  config: Readonly<Record<string, unknown>>,
  prefix = '',
): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]): [string, string | number | boolean][] => {
      const name = `${prefix}${key}`;
      if (value === null || value === undefined) return [];
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
        return [[name, value]];
      }
      if (Array.isArray(value)) return [[name, JSON.stringify(value)]];
      return Object.entries(flattened(value as Readonly<Record<string, unknown>>, `${name}.`));
    }),
  );
}

export const secondsOf = (date: Date) => date.getTime() / 1000;
