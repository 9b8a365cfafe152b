/** The kinds of adapters that adapters-with-peft.ts takes to PEFT and back: each golden training, and what none of them has. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LoraConfigInput } from '#lora/config.js';
import { readJson } from '../../test/golden/golden-case.js';

export interface AdapterKind {
  readonly name: string;
  /** Folder of the base model. */
  readonly base: string;
  /** As a person would write it, and as PEFT takes it. */
  readonly lora: LoraConfigInput;
  /** Golden file of the batches to train on. */
  readonly batches: string;
  /** The adapter that training starts from; none = a new one. */
  readonly start: string | null;
}

interface TrainingCase {
  readonly family: string;
  readonly lora: LoraConfigInput;
}

const inits = ['gaussian', false, 'orthogonal', 'pissa', 'pissa_niter_8', 'olora'] as const;
const qv = { r: 4, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] };

/** Options by the golden training on whose model and batches they are tried. */
const others: readonly { name: string; on: string; lora: LoraConfigInput }[] = [
  ...inits.map((init) => ({ name: `init ${init}`, on: 'qv', lora: { ...qv, init_lora_weights: init } })),
  { name: 'pissa, rslora', on: 'qv', lora: { ...qv, init_lora_weights: 'pissa', use_rslora: true } },
  {
    name: 'dora, rslora, bias all',
    on: 'bias-all',
    lora: { ...qv, use_dora: true, use_rslora: true, bias: 'all' },
  },
  {
    name: 'dora on Conv1D',
    on: 'gpt2-conv1d',
    lora: { ...qv, target_modules: ['c_attn', 'c_proj'], use_dora: true, fan_in_fan_out: true },
  },
  {
    name: 'dora on an embedding',
    on: 'embedding',
    lora: { ...qv, target_modules: ['embed_tokens', 'q_proj'], use_dora: true },
  },
  {
    name: 'lora_bias on Conv1D',
    on: 'gpt2-conv1d',
    lora: { ...qv, target_modules: ['c_attn'], lora_bias: true, fan_in_fan_out: true },
  },
  {
    name: 'lora_bias on convolutions',
    on: 'vit',
    lora: { ...qv, r: 3, target_modules: ['projection'], lora_bias: true },
  },
  { name: 'bias all of images', on: 'vit', lora: { ...qv, bias: 'all', modules_to_save: ['classifier'] } },
  {
    name: 'whole embeddings and head',
    on: 'modules-to-save-head',
    lora: { ...qv, modules_to_save: ['embed_tokens', 'lm_head', 'norm'] },
  },
  { name: 'whole head of a tied model', on: 'qv', lora: { ...qv, modules_to_save: ['lm_head'] } },
  {
    name: 'embedding of a tied model',
    on: 'qv',
    lora: { ...qv, target_modules: ['embed_tokens', 'v_proj'] },
  },
  {
    name: 'bias lora_only of a classifier',
    on: 'bert-classifier',
    lora: { ...qv, target_modules: ['query'], bias: 'lora_only', task_type: 'SEQ_CLS' },
  },
];

/** Trainings whose rank is above the smaller side of a layer, which a new adapter may not have. */
const imported: ReadonlySet<string> = new Set(['resnet-conv', 'vit']);

function kindOf(fixtures: string, name: string, on: string, lora?: LoraConfigInput): AdapterKind {
  const folder = join(fixtures, 'lora', on);
  const golden = readJson(folder, 'case.json') as TrainingCase;
  return {
    name,
    base: join(fixtures, 'families', golden.family),
    lora: lora ? { ...lora, task_type: lora.task_type ?? golden.lora.task_type } : golden.lora,
    batches: join(folder, 'batches.safetensors'),
    start: imported.has(name) ? join(folder, 'init') : null,
  };
}

/** Every kind of adapter of a folder of golden numbers. */
export function adapterKinds(fixtures: string): AdapterKind[] {
  const trainings = readdirSync(join(fixtures, 'lora')).toSorted();
  return [
    ...trainings.map((name) => kindOf(fixtures, name, name)),
    ...others.map(({ name, on, lora }) => kindOf(fixtures, name, on, lora)),
  ];
}
