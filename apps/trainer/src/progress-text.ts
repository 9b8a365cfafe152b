/** Messages of a run as text for people. */
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { layersText } from '#training/layers-text.js';
import { metricsText } from '#training/metrics.js';

/** How trained pieces of an example are marked. */
export interface Marks {
  readonly open: string;
  readonly close: string;
}

const longestExample = 1500;

/** An amount of time, coarse. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

/** Seconds that the steps to come will take, judged by the last ones. */
export class TimeLeft {
  private secondsPerStep: number | undefined;

  /** Told of a step when it ends; `now` in seconds. */
  step(now: number, since: number): void {
    const seconds = now - since;
    // The first step is slower than the others and soon forgotten.
    this.secondsPerStep =
      this.secondsPerStep === undefined ? seconds : 0.8 * this.secondsPerStep + 0.2 * seconds;
  }

  of(steps: number): string {
    return this.secondsPerStep === undefined ? '' : `${duration(steps * this.secondsPerStep)} left`;
  }
}

/** The text of a message, one entry for each line; none for what only a progress bar shows. */
export function linesOf(message: TrainerMessage, marks: Marks, total: number): string[] {
  switch (message.type) {
    case 'progress':
      return [];
    case 'warning':
      return [`warning: ${message.message}`];
    case 'log':
      return [`${message.level}: ${message.message}`];
    case 'prepared': {
      const { training, validation, block_length: length } = message;
      const data = (name: string, report: typeof training) =>
        `${name}: ${count(report.examples)} examples, ${count(report.tokens)} tokens, ${count(report.trainedTokens)} of them to learn, ` +
        `in ${count(report.blocks)} blocks of ${length} (${Math.round(100 * report.fillShare)}% full)`;
      return [
        data('training data', training),
        ...(validation ? [data('validation data', validation)] : []),
        `first example, what is learned between ${marks.open || 'marks'}${marks.close}:`,
        ...exampleText(message.example, marks)
          .split('\n')
          .map((line) => `  | ${line}`),
      ];
    }
    case 'plan':
      return [
        `adapter: ${count(message.trainable_parameters)} parameters in ${layersText(message)}, ${count(message.adapter_bytes)} bytes`,
        ...message.choices.map(({ option, value, reason }) => `chosen: ${option} ${value} because ${reason}`),
        ...(message.memory
          ? [`memory: about ${count(Math.round(message.memory.peak_bytes / 1e6))} MB at most`]
          : []),
        `steps: ${count(message.total_steps)}, ${message.steps_per_epoch.toPrecision(3)} an epoch`,
      ];
    case 'started':
      return message.resumed_from ? [`resumed after step ${message.step} from ${message.resumed_from}`] : [];
    case 'step':
      return [
        `step ${message.step}/${total} loss ${message.loss.toFixed(4)}${metricsText('step', message, ' ')} ` +
          `grad_norm ${message.grad_norm.toPrecision(3)} learning_rate ${message.learning_rate.toPrecision(3)} ` +
          `${Math.round(message.tokens_per_second)} tokens/s`,
      ];
    case 'evaluation':
      return [
        `evaluation after step ${message.step}: loss ${message.loss.toFixed(4)}` +
          `${metricsText('evaluation', message, ', ')}${message.best ? ', the best so far' : ''}`,
      ];
    case 'samples':
      return message.samples.flatMap(({ prompt, answer }) => [
        `sample after step ${message.step}: ${JSON.stringify(prompt.slice(-200))}`,
        ...answer.split('\n').map((line) => `  > ${line}`),
      ]);
    case 'checkpoint':
      return [`checkpoint ${message.folder}`];
    case 'finished': {
      const { summary } = message;
      return [
        `done in ${duration(summary.run_seconds)}: ${summary.adapter_folder} (step ${summary.adapter_step}), sha256 ${summary.adapter_sha256}`,
      ];
    }
    case 'cancelled':
      return ['cancelled'];
    case 'failed':
      return [`error ${message.error.code}: ${message.error.message}`];
    default:
      return message satisfies never;
  }
}

function exampleText(
  pieces: readonly { text: string; trained: boolean; sequence?: string | undefined }[],
  { open, close }: Marks,
): string {
  const text = pieces
    .map(({ text, trained, sequence }, i) => {
      const before = pieces[i - 1];
      const name = sequence === before?.sequence ? '' : `${before ? '\n' : ''}${sequence}: `;
      return name + (trained ? `${open}${text}${close}` : text);
    })
    .join('');
  return text.length > longestExample ? `${text.slice(0, longestExample)}${close} ...` : text;
}
