/**
 * Compares what llama.cpp makes of our GGUF files with what we make of the same models and adapters (`npm run test:gguf`):
 *
 *     node dist/tools/gguf/check.js [--model FOLDER ...] [--tokens 32] [--only NAME]
 *
 * For every family: a small random model, adapters of several kinds beside it and merged into it, 32 greedy tokens of three
 * prompts, and the ids of texts that are hard to cut. `--model` takes real models too. Ends with 1 if anything differs, but where
 * the two likeliest tokens are as good as equal. Needs Linux on x64.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ExportDtype, ExportFormatName } from '#adapters/exports/declared.js';
import { exportFormats } from '#adapters/exports/registry.js';
import { openAdapter } from '#adapters/read-adapter.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { LoraConfigInput } from '#lora/config.js';
import { openModelFolder } from '#models/model-folder.js';
import { answersHere, difference } from './greedy-answers.js';
import { askLlamaCpp, installLlamaCpp } from './llama-cpp.js';
import { smallModels, writeRandomAdapter, writeSmallModel } from './small-models.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    tokens: { type: 'string', default: '32' },
    only: { type: 'string' },
  },
});
const tokens = Number(values.tokens);
const answered = ['The sea was calm and', 'Once upon a time', 'def add(a, b):'];
const texts = [
  ...answered,
  '  leading and  double   spaces ',
  "Ünïcödé, it's I'LL we've 3.14159 1,234,567 x=1;y+=2 <b>tag</b>",
  'line\n\nbreaks\r\n\ttabs 数据集 русский 👩‍👩‍👧 😀',
];
const adapters: readonly { readonly name: string; readonly lora: LoraConfigInput }[] = [
  { name: 'all linear layers', lora: { r: 4, lora_alpha: 8, target_modules: 'all-linear' } },
  {
    name: 'rslora and patterns',
    lora: {
      r: 4,
      lora_alpha: 6,
      use_rslora: true,
      target_modules: 'all-linear',
      rank_pattern: { o_proj: 7 },
      alpha_pattern: { down_proj: 3 },
    },
  },
];

const scratch = mkdtempSync(join(tmpdir(), 'lowrank-gguf-'));
let failures = 0;
let checks = 0;

function report(name: string, problem: string | undefined): void {
  checks += 1;
  if (problem !== undefined) failures += 1;
  console.log(
    `${problem === undefined ? 'ok  ' : 'FAIL'} ${name}${problem === undefined ? '' : `: ${problem}`}`,
  );
}

async function exported(
  format: ExportFormatName,
  dtype: ExportDtype,
  base: string,
  adapter: string,
): Promise<string> {
  const output = mkdtempSync(join(scratch, 'export-'));
  rmSync(output, { recursive: true });
  const model = (await openModelFolder(base)).tree;
  const opened = await openAdapter(adapter, { model });
  await exportFormats[format].write({
    baseFolder: base,
    member: { adapter: opened, weight: 1 },
    output,
    dtype,
  });
  return join(output, format === 'gguf' ? `adapter-${dtype}.gguf` : `model-${dtype}.gguf`);
}

async function checkModel(name: string, base: string): Promise<void> {
  const tokenizer = await loadTokenizer(base);
  const prompts = answered.map((text) => tokenizer.encodePrompt(text));
  const idle = mkdtempSync(join(scratch, 'idle-'));
  rmSync(idle, { recursive: true });
  await writeRandomAdapter(idle, base, { r: 1, lora_alpha: 1e-30, target_modules: ['o_proj'] }, 0);
  const plain = await exported('merged-gguf', 'f32', base, idle);
  const theirs = askLlamaCpp({ model: plain, prompts, tokens, texts });
  report(
    `${name}: the base`,
    theirs.error ?? difference(await answersHere(base, undefined, prompts, tokens), theirs.answers),
  );
  if (theirs.error !== undefined) return;
  const idsOf = (text: string) => tokenizer.encode(text, { addSpecialTokens: false }).join();
  const cut = texts.findIndex((text, i) => idsOf(text) !== theirs.tokenized[i]!.join());
  report(
    `${name}: its tokenizer`,
    cut < 0
      ? undefined
      : `${JSON.stringify(texts[cut])} is ${idsOf(texts[cut]!)} here and ${theirs.tokenized[cut]!.join()} there`,
  );
  for (const { name: kind, lora } of adapters) {
    const adapter = mkdtempSync(join(scratch, 'adapter-'));
    rmSync(adapter, { recursive: true });
    await writeRandomAdapter(adapter, base, lora, 7);
    const ours = await answersHere(base, adapter, prompts, tokens);
    const beside = askLlamaCpp({
      model: plain,
      adapter: await exported('gguf', 'f32', base, adapter),
      prompts,
      tokens,
    });
    report(`${name}, ${kind}: beside the base`, beside.error ?? difference(ours, beside.answers));
    const merged = askLlamaCpp({
      model: await exported('merged-gguf', 'f32', base, adapter),
      prompts,
      tokens,
    });
    report(`${name}, ${kind}: merged, f32`, merged.error ?? difference(ours, merged.answers));
    for (const dtype of ['f16', 'q8_0'] as const) {
      const rounded = askLlamaCpp({
        model: await exported('merged-gguf', dtype, base, adapter),
        prompts,
        tokens,
      });
      const same = rounded.answers.flatMap((answer, i) =>
        answer.filter((token, at) => token === ours[i]!.tokens[at]),
      );
      report(
        `${name}, ${kind}: merged, ${dtype} (${same.length} of ${tokens * prompts.length} tokens the same)`,
        rounded.error,
      );
    }
  }
}

installLlamaCpp();
try {
  for (const [seed, model] of smallModels.entries()) {
    if (values.only !== undefined && !model.name.includes(values.only)) continue;
    const folder = join(scratch, `model-${seed}`);
    await writeSmallModel(folder, model, seed + 1);
    await checkModel(model.name, folder);
  }
  for (const folder of values.model) await checkModel(folder, resolve(folder));
} finally {
  rmSync(scratch, { recursive: true });
}
console.log(`${checks} checks, ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
