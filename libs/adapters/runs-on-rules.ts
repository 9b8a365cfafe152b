/**
 * Which programs load an adapter as it is, and the export that would do for the others: all rules, with where they are written. The
 * first rule of a program that fits counts.
 */
import type { ExportFormatName } from '#adapters/exports/declared.js';

/** What of an adapter, or of its base, decides. */
export type Trait =
  | 'images'
  | 'classes'
  | 'dora'
  | 'bias'
  | 'whole'
  | 'embedding'
  | 'patterns'
  | 'rank above 16'
  | 'no llama.cpp'
  | 'any';

export interface Rule {
  readonly if: Trait;
  /** Whether it runs all the same; then `reason` is what it needs. */
  readonly runs?: true;
  readonly reason: string;
  /** What runs there; null for nothing. */
  readonly export: ExportFormatName | null;
}

export interface Program {
  readonly program: string;
  /** Where it is written. */
  readonly source: string;
  readonly rules: readonly Rule[];
}

const servers: readonly Rule[] = [
  { if: 'images', reason: 'it serves models of text', export: null },
  { if: 'classes', reason: 'it brings a head that tells classes apart', export: 'merged' },
  { if: 'dora', reason: 'DoRA (use_dora) is not read', export: 'merged' },
  {
    if: 'bias',
    reason: 'biases on B (lora_bias) are not read, and can be merged only into layers that have biases',
    export: null,
  },
  {
    if: 'whole',
    reason: 'trained weights of the base (bias, modules_to_save) are not read',
    export: 'merged',
  },
  {
    if: 'patterns',
    reason: 'rank_pattern and alpha_pattern are not read: one scale for all layers',
    export: 'portable',
  },
];

export const programs: readonly Program[] = [
  { program: 'PEFT', source: 'src/peft/tuners/lora of huggingface/peft 0.21', rules: [] },
  {
    program: 'transformers',
    source: 'load_adapter in integrations/peft.py of huggingface/transformers 5.24',
    rules: [
      {
        if: 'dora',
        reason: 'its load_adapter leaves the magnitudes of DoRA out; PEFT itself reads them',
        export: 'merged',
      },
    ],
  },
  {
    program: 'vLLM',
    source: 'vllm/lora/peft_helper.py and vllm/config/lora.py of vllm-project/vllm',
    rules: [
      ...servers,
      {
        if: 'rank above 16',
        runs: true,
        reason: 'started with --max-lora-rank of at least its rank; the usual limit is 16',
        export: null,
      },
    ],
  },
  { program: 'LoRAX', source: 'server/lorax_server/adapters of predibase/lorax', rules: servers },
  {
    program: 'Together-style upload',
    source:
      "docs.together.ai/docs/dedicated-endpoints/adapter: adapter_config.json and adapter_model.safetensors at an archive's root; what is read of them is taken to be what vLLM reads",
    rules: [
      ...servers.map((rule) => (rule.export === 'portable' ? { ...rule, export: 'archive' as const } : rule)),
      {
        if: 'any',
        runs: true,
        reason: 'from a repository of the hub, or as one archive with its files at the root',
        export: 'archive',
      },
    ],
  },
  {
    program: 'llama.cpp, Ollama',
    source: 'convert_lora_to_gguf.py and src/llama-adapter.cpp of ggml-org/llama.cpp',
    rules: [
      { if: 'images', reason: 'it does not tell images apart', export: null },
      { if: 'classes', reason: 'it does not tell classes apart', export: null },
      { if: 'no llama.cpp', reason: 'models of this family are not written for it', export: null },
      { if: 'dora', reason: 'it has no DoRA', export: 'merged-gguf' },
      {
        if: 'bias',
        reason: 'it has no biases on B, and they can be merged only into layers that have biases',
        export: null,
      },
      { if: 'whole', reason: 'its adapters have no weights of the base', export: 'merged-gguf' },
      { if: 'embedding', reason: 'its adapters change no embeddings', export: 'merged-gguf' },
      { if: 'any', reason: 'it reads GGUF', export: 'gguf' },
    ],
  },
];
