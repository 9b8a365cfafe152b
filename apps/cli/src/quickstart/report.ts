/** What the quickstart says at the end. */
import type { MetricObject } from '#contracts/http/streams.js';
import { prompt } from './sample-job.js';
import { sideBySide } from './side-by-side.js';

/** The last line of `--json`. */
export interface QuickstartResult {
  readonly ok: true;
  readonly validation_loss_before: number;
  readonly validation_loss_after: number;
  readonly adapter_path: string;
  readonly adapter_bytes: number;
  readonly steps: number;
  readonly seconds: number;
}

/** The validation loss at the start, and that of the adapter: the best after it. */
export function validationLosses(metrics: readonly MetricObject[]): { before: number; after: number } {
  const all = metrics.filter((metric) => metric.kind === 'evaluation');
  const before = all.find(({ step }) => step === 0)?.values.loss;
  const after = all.findLast(({ step, values }) => step > 0 && values.best)?.values.loss;
  if (before === undefined || after === undefined) {
    throw new Error('the job was not evaluated before and after');
  }
  return { before, after };
}

/** The prompt as the base model goes on with it, and as the adapter does. */
export function answers(metrics: readonly MetricObject[]): { base: string; adapter: string } {
  const all = metrics
    .filter((metric) => metric.kind === 'samples')
    .map(({ values }) => `${prompt}${values.samples[0]!.answer}`);
  return { base: all[0] ?? '', adapter: all.at(-1) ?? '' };
}

export function reportText(
  result: QuickstartResult,
  texts: { readonly base: string; readonly adapter: string },
  { width, folder, job }: { readonly width: number; readonly folder: string; readonly job: string },
): string {
  const { validation_loss_before: before, validation_loss_after: after } = result;
  const columns = sideBySide(
    { title: 'base model', text: texts.base },
    { title: 'with the adapter', text: texts.adapter },
    width,
  );
  return `
validation loss: ${before.toFixed(3)} before, ${after.toFixed(3)} after (${(100 * (1 - after / before)).toFixed(1)}% less)
adapter: ${folder} (${(result.adapter_bytes / 1e6).toFixed(2)} MB, PEFT's format)

The same prompt, answered by both:

${columns.join('\n')}

What next:
- npm start                          runs the service; ${job} is in its list
- npx lowrank train --help           trains on your own text: one {"text": ...}, {"prompt": ..., "completion": ...} or
                                     {"messages": [...]} a line
- npx lowrank models add OWNER/NAME  fetches a real base model from the Hugging Face hub; a model's folder or a GGUF file
                                     is taken as it is
- PeftModel.from_pretrained(base, "${folder}") loads the adapter in Python
`;
}
