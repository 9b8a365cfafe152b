/** The adapters that runs-on.ts takes to the programs: options that decide where an adapter runs, on small models. */
import type { LoraConfigInput } from '#lora/config.js';

export interface MadeKind {
  readonly name: string;
  /** The name of one of the small models of tools/gguf; or a golden training, for its model and batches. */
  readonly on: string;
  /** None for the adapter of a golden training. */
  readonly lora?: LoraConfigInput;
  /** Added to another one of the same options, as a composition. */
  readonly isComposed?: true;
}

const qv = { r: 4, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] };
const tied = 'llama';
const untied = 'llama, untied, llama3 positions';
const biased = 'llama, linear positions, biases';

export const madeKinds: readonly MadeKind[] = [
  { name: 'plain', on: tied, lora: qv },
  { name: 'rank 32', on: tied, lora: { ...qv, r: 32 } },
  {
    name: 'rsLoRA on all layers',
    on: untied,
    lora: { ...qv, target_modules: 'all-linear', use_rslora: true },
  },
  { name: 'rank_pattern', on: 'qwen3', lora: { ...qv, rank_pattern: { v_proj: 7 } } },
  {
    name: 'alpha_pattern',
    on: 'gemma 3',
    lora: { ...qv, alpha_pattern: { 'layers.1.self_attn.q_proj': 3 } },
  },
  {
    name: 'patterns and rsLoRA',
    on: 'qwen2',
    lora: { ...qv, use_rslora: true, rank_pattern: { q_proj: 2 }, alpha_pattern: { v_proj: 9 } },
  },
  { name: 'DoRA', on: tied, lora: { ...qv, use_dora: true } },
  { name: 'DoRA with rsLoRA', on: 'qwen3', lora: { ...qv, use_dora: true, use_rslora: true } },
  { name: 'lora_bias', on: tied, lora: { ...qv, lora_bias: true } },
  { name: 'lora_bias beside biases', on: biased, lora: { ...qv, lora_bias: true } },
  { name: 'bias: lora_only', on: biased, lora: { ...qv, bias: 'lora_only' } },
  { name: 'bias: all', on: 'qwen2', lora: { ...qv, bias: 'all' } },
  { name: 'modules_to_save', on: untied, lora: { ...qv, modules_to_save: ['lm_head'] } },
  { name: 'modules_to_save, tied', on: tied, lora: { ...qv, modules_to_save: ['lm_head'] } },
  { name: 'embedding', on: untied, lora: { ...qv, target_modules: ['embed_tokens', 'q_proj'] } },
  { name: 'embedding, tied', on: tied, lora: { ...qv, target_modules: ['embed_tokens', 'v_proj'] } },
  { name: 'one layer', on: 'qwen3', lora: { ...qv, layers_to_transform: [1], layers_pattern: 'layers' } },
  {
    name: 'a regular expression',
    on: 'phi 3',
    lora: { ...qv, target_modules: String.raw`.*layers\.[02]\..*(qkv_proj|down_proj)` },
  },
  { name: 'PiSSA', on: tied, lora: { ...qv, init_lora_weights: 'pissa' } },
  { name: 'a composition', on: 'gemma 3', lora: qv, isComposed: true },
  { name: 'Conv1D of GPT-2', on: 'gpt2-conv1d' },
  { name: 'convolutions and a head', on: 'resnet-conv' },
  { name: 'convolutions alone', on: 'resnet-conv', lora: { ...qv, r: 2, target_modules: ['convolution'] } },
  { name: 'classes of an encoder', on: 'bert-classifier' },
  { name: 'classes of a decoder', on: 'llama-classifier' },
];
