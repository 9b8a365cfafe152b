/** A plan for people: what will be trained on what, and one example as the model reads it. */
import type { PlannedTime, PlanObject, PlannedData } from '#contracts/http/plans.js';
import { basePrecisions, defaultPrecision } from '#training/base-precision/declared.js';
import { layersText } from '#training/layers-text.js';
import { byteSize, count, duration } from './format.js';
import type { Output } from './output.js';

const longestExample = 1500;

export function planText(plan: PlanObject, output: Output): string {
  const { data, total_steps: steps, steps_per_epoch: perEpoch } = plan;
  return [
    `base model: ${plan.model}, ${count(plan.model_parameters)} parameters`,
    weightsText(plan),
    `adapter: ${count(plan.trainable_parameters)} parameters in ${layersText(plan)}, ${byteSize(plan.adapter_bytes)}`,
    ...runsOnLines(plan),
    ...(data ? dataLines('training data', data.training) : []),
    ...(data?.validation ? dataLines('validation data', data.validation) : []),
    ...(plan.choices ?? []).map(
      ({ option, value, reason }) => `chosen: ${option} ${String(value)} because ${reason}`,
    ),
    ...(steps === null
      ? []
      : [
          `steps: ${count(steps)}${perEpoch === null ? '' : `, ${perEpoch.toPrecision(3)} an epoch`}`,
          `time: ${timeText(plan.time)}`,
        ]),
    ...plan.warnings.map(({ message }) => output.paint(`warning: ${message}`, 'yellow')),
    ...(data ? pieceLines('first example', data.training.example, output) : []),
  ].join('\n');
}

/** What the weights of the base take, and what they would in other precisions. */
function weightsText({ weight_bytes: bytes, training }: PlanObject): string {
  const own = basePrecisions.find((name) => name === training['base_precision']) ?? defaultPrecision;
  const others = basePrecisions.filter((name) => name !== own);
  const sizes = others.map((name) => `${byteSize(bytes[name])} with --base-precision ${name}`);
  return `weights of the base: ${byteSize(bytes[own])}; ${sizes.join(', ')}`;
}

/** Programs that load the adapter as it is, and a line for each other one. */
function runsOnLines({ runs_on: verdicts }: PlanObject): string[] {
  const loading = verdicts.filter(({ runs }) => runs);
  if (loading.length === 0) return [];
  const named = loading.map(({ program, reason }) => (reason === null ? program : `${program} (${reason})`));
  return [
    `will run on: ${named.join(', ')}`,
    ...verdicts.flatMap(({ program, runs, reason, export: format }) =>
      runs ? [] : [`  ${program}: ${format === null ? 'no' : `as an export, ${format}`}; ${reason}`],
    ),
  ];
}

/** Every layer with its shape and rank, and every weight that is trained as it is. */
export function modulesText({ modules, whole_weights: whole }: PlanObject): string {
  const layers = modules.map(({ path, shape: [out, from], r, scale, parameters }) => {
    return `  ${path} [${out}, ${from}] r ${r} scale ${scale} (${count(parameters)})`;
  });
  const weights = whole.map(({ name, shape }) => `  ${name} [${shape.join(', ')}] as it is`);
  return [...layers, ...weights].join('\n');
}

function dataLines(name: string, data: PlannedData): string[] {
  const { min, median, max } = data.lengths;
  const about = data.estimated ? 'about ' : '';
  return [
    `${name}${data.format === '' ? '' : ` (${data.format}, ${data.kind} rows)`}: ${about}${count(data.examples)} examples, ${count(data.tokens)} tokens, ` +
      `${count(data.trained_tokens)} of them to learn, in ${count(data.blocks)} blocks of ${data.block_length}`,
    `  lengths: shortest ${count(min)} tokens, median ${count(median)}, longest ${count(max)}; ${cutText(data)}`,
  ];
}

/** What of the examples is cut or left out. */
export function cutText(
  data: Pick<
    PlannedData,
    'truncated_examples' | 'dropped_examples' | 'estimated' | 'lengths' | 'block_length'
  >,
): string {
  const { truncated_examples: cut, dropped_examples: dropped } = data;
  const about = data.estimated ? 'about ' : '';
  const lost = [
    ...(cut > 0 ? [`${about}${count(cut)} cut short`] : []),
    ...(dropped > 0 ? [`${about}${count(dropped)} left out as too long`] : []),
  ];
  if (lost.length > 0) return lost.join(', ');
  const isSplit = data.lengths.max > data.block_length;
  return isSplit ? 'none is cut, what is longer goes on in another block' : 'none is cut';
}

function timeText(time: PlannedTime | null): string {
  if (time === null) return 'not known, no worker is there to judge by and no earlier job';
  const [low, high] = [time.low_seconds, time.high_seconds].map((seconds) => duration(Math.max(1, seconds)));
  const range = low === high ? `about ${low}` : `${low} to ${high}`;
  return `${range} once it runs, judged by ${basisText(time)}`;
}

function basisText({ basis, jobs, operations, cores }: PlannedTime): string {
  if (basis === 'jobs') {
    return `the steps of ${jobs === 1 ? 'one earlier job' : `${count(jobs)} earlier jobs`} on this base model`;
  }
  if (basis === 'machine') return 'what this machine does in a second; the first job will tell better';
  const size = operations.toExponential(1).replace('e+', ' * 10^');
  return `its ${size} operations and ${count(cores ?? 1)} processor cores; the first job will tell better`;
}

/** The text between the marks is what the model learns to write. */
export function pieceLines(title: string, example: PlannedData['example'], output: Output): string[] {
  if (example.length === 0) return [];
  const isColoured = output.paint('', 'green') !== '';
  const mark = (text: string) => (isColoured ? output.paint(text, 'green') : `\u27e6${text}\u27e7`);
  const pieces: string[] = [];
  let left = longestExample;
  for (const [i, { text, trained, sequence }] of example.entries()) {
    const before = example[i - 1];
    if (sequence !== before?.sequence) pieces.push(`${before ? '\n' : ''}${sequence}: `);
    const shown = text.slice(0, left);
    left -= shown.length;
    if (shown !== '') pieces.push(trained ? mark(shown) : shown);
  }
  const end = left <= 0 ? ' ...' : '';
  const how = isColoured ? `what is learned in ${mark('green')}` : `what is learned between ${mark('')}`;
  return [`${title}, ${how}:`, ...`${pieces.join('')}${end}`.split('\n').map((line) => `  | ${line}`)];
}
