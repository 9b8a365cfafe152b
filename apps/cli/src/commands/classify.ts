/** `lowrank classify`: classes of texts and images, told by the server. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { LowrankError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import type { ClassificationCreate } from '#contracts/http/classifications.js';
import type { CommandContext, Run } from '../context.js';
import { table } from '../output.js';

interface ClassifyOptions {
  readonly pair?: string;
  readonly image?: readonly string[];
}

export function addClassify(program: Command, run: Run): void {
  program
    .command('classify')
    .description('classify texts or images by a model with a classification head or an adapter of one')
    .argument('<model>', 'name of a base model, or id or name of a fine-tuned model')
    .argument('[texts...]', 'what to classify')
    .option('--pair <text>', 'a second text, where the model says how two belong together')
    .option('--image <files...>', 'images to classify: PNG, JPEG, WebP, GIF or TIFF')
    .action(run<ClassifyOptions>(classify));
}

async function classify(
  { client, output, signal }: CommandContext,
  [model, ...texts]: readonly string[],
  { pair, image: files = [] }: ClassifyOptions,
): Promise<void> {
  if (texts.length + files.length === 0) {
    throw new LowrankError('usage', 'nothing to classify: give texts, or files of images with --image');
  }
  if (pair !== undefined && texts.length === 0) {
    throw new LowrankError('usage', '--pair goes with a text, and none is given');
  }
  const input = [
    ...texts.map((text) => (pair === undefined ? text : { text, text_pair: pair })),
    ...(await Promise.all(files.map(imageOf))),
  ];
  const answer = await client.classifications.create({ model: model!, input }, { signal });
  const names = [...texts, ...files];
  output.result(answer, () => {
    const rows = answer.results.map(({ index, label, probabilities }) => {
      const { probability } = probabilities.find((one) => one.label === label)!;
      return [label, probability.toFixed(4), names[index]!];
    });
    return table(['CLASS', 'PROBABILITY', files.length === 0 ? 'TEXT' : 'INPUT'], rows);
  });
}

/** What it is, the server sees by its bytes. */
async function imageOf(file: string): Promise<Exclude<ClassificationCreate['input'], string | unknown[]>> {
  try {
    return { image: `data:;base64,${await readFile(file, 'base64')}` };
  } catch (cause) {
    throw new LowrankError('file_unreadable', `${file} ${fileProblem(cause)}`, { cause });
  }
}
