/** `lowrank classify`: classes of texts, told by the server. */
import type { Command } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { table } from '../output.js';

interface ClassifyOptions {
  readonly pair?: string;
}

export function addClassify(program: Command, run: Run): void {
  program
    .command('classify')
    .description('classify texts by a model with a classification head or an adapter of one')
    .argument('<model>', 'name of a base model, or id or name of a fine-tuned model')
    .argument('<texts...>', 'what to classify')
    .option('--pair <text>', 'a second text, where the model says how two belong together')
    .action(run<ClassifyOptions>(classify));
}

async function classify(
  { client, output, signal }: CommandContext,
  [model, ...texts]: readonly string[],
  { pair }: ClassifyOptions,
): Promise<void> {
  const input = texts.map((text) => (pair === undefined ? text : { text, text_pair: pair }));
  const answer = await client.classifications.create({ model: model!, input }, { signal });
  output.result(answer, () => {
    const rows = answer.results.map(({ index, label, probabilities }) => {
      const { probability } = probabilities.find((one) => one.label === label)!;
      return [label, probability.toFixed(4), texts[index]!];
    });
    return table(['CLASS', 'PROBABILITY', 'TEXT'], rows);
  });
}
