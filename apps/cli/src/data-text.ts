/** Data for people: what a file holds, how long its examples are, and the first of them with what is learned marked. */
import type { PlannedData } from '#contracts/http/plans.js';
import { byteSize, count } from './format.js';
import type { Output } from './output.js';
import { cutText, pieceLines } from './plan-text.js';

/** What a model makes of the data; counts of a long file are estimates, as in a plan. */
export interface ModelReport extends Omit<PlannedData, 'example' | 'format' | 'kind'> {
  readonly name: string;
  readonly method: string;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

export interface DataReport {
  readonly file: string;
  readonly format: string;
  readonly kind: string;
  readonly rows: number;
  readonly bytes: number;
  readonly unknown_fields: Readonly<Record<string, number>>;
  readonly duplicates: { readonly rows: number; readonly prompts: number };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly model: ModelReport | null;
}

const shownInText = 3;
const bars = 10;
const barWidth = 40;

export function dataText(report: DataReport, output: Output): string {
  const { file, format, kind, rows, bytes, duplicates, warnings, model } = report;
  const unread = Object.entries(report.unknown_fields).map(
    ([field, rows]) => `The field "${field}" of ${count(rows)} rows is not read.`,
  );
  const messages = [...warnings.map(({ message }) => message), ...(model ? [] : unread)];
  return [
    `${file}: ${format}, ${count(rows)} ${kind} ${rows === 1 ? 'row' : 'rows'}, ${byteSize(bytes)}`,
    `duplicates: ${duplicateText(duplicates)}`,
    ...(model ? modelLines(model, output) : []),
    ...messages.map((message) => output.paint(`warning: ${message}`, 'yellow')),
  ].join('\n');
}

function duplicateText({ rows, prompts }: DataReport['duplicates']): string {
  if (rows + prompts === 0) return 'none';
  const same = `${count(rows)} ${rows === 1 ? 'row is' : 'rows are'} there before`;
  return `${same}, ${count(prompts)} more with the same prompt and another answer`;
}

function modelLines(model: ModelReport, output: Output): string[] {
  const { lengths, shown_examples: shown } = model;
  const about = model.estimated ? 'about ' : '';
  const { min, median, p90, max } = lengths;
  return [
    `read by ${model.name} (${model.method}): ${about}${count(model.tokens)} tokens, ${count(model.trained_tokens)} of them to learn, ` +
      `in ${count(model.blocks)} blocks of ${model.block_length}; ${cutText(model)}`,
    `lengths in tokens: shortest ${count(min)}, median ${count(median)}, nine in ten up to ${count(p90)}, longest ${count(max)}`,
    ...histogram(lengths),
    ...shown.slice(0, shownInText).flatMap((example) => {
      const { line, tokens, label, pieces } = example;
      const ofClass = label === null ? '' : `, class ${label}`;
      return pieceLines(`row at ${line}, ${count(tokens)} tokens${ofClass}`, pieces, output);
    }),
  ];
}

/** How many examples have which length, in a few bars. */
function histogram({ width, counts }: PlannedData['lengths']): string[] {
  if (counts.length < 2) return [];
  const inBar = Math.ceil(counts.length / bars);
  const sums = Array.from({ length: Math.ceil(counts.length / inBar) }, (_, i) =>
    counts.slice(i * inBar, (i + 1) * inBar).reduce((sum, each) => sum + each, 0),
  );
  const most = Math.max(...sums);
  const labels = sums.map((_, i) => `${count(i * inBar * width + 1)} to ${count((i + 1) * inBar * width)}`);
  const space = Math.max(...labels.map(({ length }) => length));
  return sums.map((sum, i) => {
    const bar = '#'.repeat(sum === 0 ? 0 : Math.max(1, Math.round((barWidth * sum) / most)));
    return `  ${labels[i]!.padStart(space)}  ${bar}${bar === '' ? '' : ' '}${count(sum)}`;
  });
}
