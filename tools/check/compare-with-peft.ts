/**
 * Trains the same adapter on the same packed chats or texts in this engine and in PEFT and compares every step.
 *
 *     node dist/tools/check/compare-with-peft.js --model FOLDER_OR_GGUF --data chats.jsonl --python PYTHON [--steps 20]
 *         [--batch 2] [--length 256]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flattenModules } from '#adapters/flat-factors.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { writeAdapter } from '#adapters/write-adapter.js';
import { makeBatch } from '#data/batch.js';
import { loadChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { prepareDataset } from '#data/prepare.js';
import { BlockOrder } from '#data/shuffle.js';
import { streamKey, uniformAt } from '#jit/random.js';
import { parseLoraConfig } from '#lora/config.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { startOn } from '#adapters/base-layers.js';
import { openModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { adamWScalars } from '#training/adamw.js';
import { createStepPrograms } from '#training/step-programs.js';
import { nextToken } from '#training/objectives/next-token.js';
import { tokenInputs } from '#training/objectives/token-inputs.js';
import { comparisonOf, optimizer } from './peer-comparison.js';

const comparison = comparisonOf(process.argv.slice(2), { batch: 2, length: 256 });
const { model, data, python, steps, batch: batchSize, length: blockLength } = comparison;
const folder = mkdtempSync(join(tmpdir(), 'lowrank-peft-'));

const base = await openModelFolder(model, { tokenizer: 'required' });
const tokenizer = await loadTokenizer(base.folder);
const template = await loadChatTemplate(base.folder, tokenizer);
const store = await prepareDataset({
  file: data,
  tokenizer,
  template,
  blockLength,
  packing: true,
  cacheFolder: folder,
});
const { modules, config } = resolveTargetModules(
  base.tree,
  parseLoraConfig({ r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'], task_type: 'CAUSAL_LM' }),
);
const random = { uniform: (site: string, index: number) => uniformAt(streamKey(1, 0, site), index) };
const started = await initialiseAdapter(modules, { init: true, random, ...startOn(base) });
await writeAdapter(join(folder, 'init'), { config, modules: started });

const order = new BlockOrder(1, store.blockCount);
const batches = Array.from({ length: steps }, () =>
  makeBatch(order.next(batchSize).map((i) => store.readBlock(i))),
);
const rows = (values: Int32Array) =>
  Array.from({ length: batchSize }, (_, i) => [...values.subarray(i * blockLength, (i + 1) * blockLength)]);
const blocks = batches.map(({ tokens, positions, segments, lossRows, lossTargets }) => ({
  tokens: rows(tokens),
  positions: rows(positions),
  segments: rows(segments),
  lossRows: [...lossRows],
  lossTargets: [...lossTargets],
}));
writeFileSync(join(folder, 'blocks.json'), JSON.stringify(blocks));
writeFileSync(join(folder, 'job.json'), JSON.stringify({ model: base.folder, optimizer }));

const shape = { batch: batchSize, length: blockLength, chunkSize: 64 };
const programs = createStepPrograms({ base, modules, dropout: 0, objective: nextToken, shape, optimizer });
const { program, spec } = programs.train;
const parameters = flattenModules(started);
const zeros = () => new Float32Array(parameters.length);
const compile = () => compileProgram(program, spec, { device: 'cpu', recomputedSegments: 0 });
const runner = new CompiledRunner(
  { train: { key: 'train', compile } },
  { parameters, moment1: zeros(), moment2: zeros() },
  { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined },
);
const ours: { loss: number; norm: number }[] = [];
for (const [i, batch] of batches.entries()) {
  const scalars = { ...adamWScalars(optimizer, optimizer.learningRate, i + 1) };
  const out = await runner.run('train', { data: tokenInputs(batch, shape, batch.lossCount), scalars });
  ours.push({ loss: out['loss']![0]!, norm: out['gradNorm']![0]! });
}
await runner.close();

const script = join(import.meta.dirname, '../../../tools/check/train_in_peft.py');
const { status } = spawnSync(python, [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) throw new Error(`${python} ${script} ${folder} ended with ${status}`);
const theirs = JSON.parse(readFileSync(join(folder, 'peft.json'), 'utf8')) as {
  loss: number;
  grad_norm: number;
}[];

let [worstLoss, worstNorm] = [0, 0];
for (const [i, { loss, norm }] of ours.entries()) {
  const peft = theirs[i]!;
  worstLoss = Math.max(worstLoss, Math.abs(loss - peft.loss));
  worstNorm = Math.max(worstNorm, Math.abs(norm - peft.grad_norm) / peft.grad_norm);
  console.log(
    `step ${i + 1}: loss ${loss.toFixed(6)} (PEFT ${peft.loss.toFixed(6)}), norm ${norm.toFixed(5)} (${peft.grad_norm.toFixed(5)})`,
  );
}
console.log(
  `largest difference: loss ${worstLoss.toExponential(1)}, gradient norm ${worstNorm.toExponential(1)} relative`,
);
process.exitCode = worstLoss <= 1e-4 && worstNorm <= 1e-3 ? 0 : 1;
