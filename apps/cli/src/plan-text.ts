/** A plan for people: what will be trained on what, and one example as the model reads it. */
import type { PlanObject, PlannedData } from '#contracts/http/plans.js';
import { byteSize, count } from './format.js';
import type { Output } from './output.js';

const longestExample = 1500;

export function planText(plan: PlanObject, output: Output): string {
  const { data, total_steps: steps, steps_per_epoch: perEpoch } = plan;
  return [
    `base model: ${plan.model}, ${count(plan.model_parameters)} parameters`,
    `adapter: ${count(plan.trainable_parameters)} parameters in ${plan.modules.length} layers, ${byteSize(plan.adapter_bytes)}`,
    ...(data ? [dataText('training data', data.training)] : []),
    ...(data?.validation ? [dataText('validation data', data.validation)] : []),
    ...(plan.choices ?? []).map(
      ({ option, value, reason }) => `chosen: ${option} ${String(value)} because ${reason}`,
    ),
    ...(steps === null
      ? []
      : [`steps: ${count(steps)}${perEpoch === null ? '' : `, ${perEpoch.toPrecision(3)} an epoch`}`]),
    ...plan.warnings.map(({ message }) => output.paint(`warning: ${message}`, 'yellow')),
    ...(data ? exampleLines(data.training, output) : []),
  ].join('\n');
}

/** Every layer with its shape and rank. */
export function modulesText({ modules }: PlanObject): string {
  return modules
    .map(({ path, shape: [out, from], r, scale, parameters }) => {
      return `  ${path} [${out}, ${from}] r ${r} scale ${scale} (${count(parameters)})`;
    })
    .join('\n');
}

function dataText(name: string, data: PlannedData): string {
  const about = data.estimated ? 'about ' : '';
  const lost = [
    data.truncated_examples > 0 ? `, ${count(data.truncated_examples)} cut short` : '',
    data.dropped_examples > 0 ? `, ${count(data.dropped_examples)} left out as too long` : '',
  ].join('');
  return (
    `${name}: ${about}${count(data.examples)} examples, ${count(data.tokens)} tokens, ` +
    `${count(data.trained_tokens)} of them to learn, in ${count(data.blocks)} blocks of ${data.block_length}${lost}`
  );
}

/** The text between the marks is what the model learns to write. */
function exampleLines({ example }: PlannedData, output: Output): string[] {
  if (example.length === 0) return [];
  const isColoured = output.paint('', 'green') !== '';
  const mark = (text: string) => (isColoured ? output.paint(text, 'green') : `\u27e6${text}\u27e7`);
  const pieces: string[] = [];
  let left = longestExample;
  for (const { text, trained } of example) {
    const shown = text.slice(0, left);
    left -= shown.length;
    if (shown !== '') pieces.push(trained ? mark(shown) : shown);
  }
  const end = left <= 0 ? ' ...' : '';
  const how = isColoured ? `what is learned in ${mark('green')}` : `what is learned between ${mark('')}`;
  return [`first example, ${how}:`, ...`${pieces.join('')}${end}`.split('\n').map((line) => `  | ${line}`)];
}
