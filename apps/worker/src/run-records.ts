/** What a trainer says, as rows of the database. */
import { hidePaths, pathsOf } from '#base/hide-paths.js';
import type { TrainerUpdate } from '#contracts/trainer-calls.js';
import type { Reason } from '#jobs/placement.js';
import type { NewMetric, RunDecisions, RunFacts } from '#jobs/progress.js';
import type { NewEvent } from '#jobs/transitions.js';
import { layersText } from '#training/layers-text.js';

export interface RunRecords {
  readonly metrics?: readonly NewMetric[];
  readonly events?: readonly NewEvent[];
  readonly facts?: RunFacts;
  readonly decided?: RunDecisions;
  /** What the attempt waits for; null when it goes on. */
  readonly waiting?: Reason | null;
}

/** Records of a message of a trainer on a device; none for what only the worker itself needs. */
export function recordsOf(message: TrainerUpdate, device: string): RunRecords {
  switch (message.type) {
    case 'step':
      return { metrics: [metricOf(message)], facts: { tokensPerSecond: message.tokens_per_second } };
    case 'evaluation':
    case 'samples':
      return { metrics: [metricOf(message)] };
    case 'warning':
      return { events: [event('warn', message.code, message.message)] };
    case 'log':
      return message.level === 'info'
        ? {}
        : { events: [event(message.level, 'trainer.log', message.message)] };
    case 'prepared': {
      const { training, validation, block_length, example } = message;
      const text = `Training data: ${training.examples} examples, ${training.tokens} tokens`;
      return {
        events: [event('info', 'data.prepared', text, { training, validation, block_length, example })],
      };
    }
    case 'plan': {
      const { type: _, choices, chosen, total_steps, ...plan } = message;
      const text = `${plan.trainable_parameters} parameters to train in ${layersText(plan)}, ${total_steps} steps`;
      return {
        facts: { plan: { ...plan, total_steps }, totalSteps: total_steps },
        decided: { device, chosen, choices },
        events: [event('info', 'job.planned', text)],
      };
    }
    case 'started': {
      const text = message.step === 0 ? 'Training started' : `Training goes on after step ${message.step}`;
      return { events: [event('info', 'training.started', text, { step: message.step })] };
    }
    case 'progress':
    case 'checkpoint':
      return {};
    default:
      return message satisfies never;
  }
}

/** A line of the trainer's logs, or a message, without what stands in other columns. */
export function metricOf(record: Readonly<Record<string, unknown>>): NewMetric {
  const { type, step, ...values } = record;
  return {
    step: step as number,
    kind: type as NewMetric['kind'],
    values: clean(values) as NewMetric['values'],
  };
}

function event(
  level: NewEvent['level'],
  code: string,
  message: string,
  data?: Record<string, unknown>,
): NewEvent {
  return { level, code, message: shownText(message), data: clean(data) as NewEvent['data'], at: new Date() };
}

/** A message for the people of a project: without the paths of this machine, also those that the error tells of. */
export const shownText = (message: string, error?: unknown): string =>
  cleanText(hidePaths(message, pathsOf(error)));

/** Postgres refuses texts with NUL and halves of surrogate pairs, which a model may well write. */
export function cleanText(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\ufffd');
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [cleanText(name), clean(inner)]));
}
