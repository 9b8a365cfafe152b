/**
 * Which programs load an adapter as it is, and the export that would do for the others. All rules are the table below; the order in a
 * program's list is that of importance.
 */
import type { ExportFormatName } from '#adapters/exports/declared.js';

/** What of an adapter decides. */
type Trait = 'classes' | 'dora' | 'bias' | 'whole' | 'embedding' | 'patterns' | 'any';

interface Rule {
  readonly if: Trait;
  readonly reason: string;
  /** What runs there; null for nothing. */
  readonly export: ExportFormatName | null;
}

interface Program {
  readonly program: string;
  /** Where it is written. */
  readonly source: string;
  readonly rules: readonly Rule[];
}

const servers: readonly Rule[] = [
  { if: 'classes', reason: 'it brings a head that tells classes apart', export: 'merged' },
  { if: 'dora', reason: 'DoRA (use_dora) is not read', export: 'merged' },
  { if: 'bias', reason: 'biases on B (lora_bias) are not read', export: 'merged' },
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

const programs: readonly Program[] = [
  { program: 'PEFT', source: 'src/peft/tuners/lora of huggingface/peft 0.21', rules: [] },
  {
    program: 'transformers',
    source: 'integrations/peft.py of huggingface/transformers 5, which loads by PEFT',
    rules: [],
  },
  { program: 'vLLM', source: 'vllm/lora/peft_helper.py of vllm-project/vllm', rules: servers },
  { program: 'LoRAX', source: 'server/lorax_server/adapters of predibase/lorax', rules: servers },
  {
    program: 'llama.cpp, Ollama',
    source: 'convert_lora_to_gguf.py and src/llama-adapter.cpp of ggml-org/llama.cpp',
    rules: [
      { if: 'classes', reason: 'it does not tell classes apart', export: null },
      { if: 'dora', reason: 'it has no DoRA', export: 'merged-gguf' },
      { if: 'bias', reason: 'it has no biases on B', export: 'merged-gguf' },
      { if: 'whole', reason: 'its adapters have no weights of the base', export: 'merged-gguf' },
      { if: 'embedding', reason: 'its adapters change no embeddings', export: 'merged-gguf' },
      { if: 'any', reason: 'it reads GGUF', export: 'gguf' },
    ],
  },
];

export interface RunsOn {
  readonly program: string;
  /** Whether it loads the files as they are, and computes what was trained. */
  readonly runs: boolean;
  readonly reason: string | null;
  /** The format of an export that would do. */
  readonly export: ExportFormatName | null;
}

/** An adapter as its adapter_config.json says it. */
export interface JudgedAdapter {
  readonly config: Readonly<Record<string, unknown>>;
  readonly classes: readonly string[] | null;
}

/** The verdict of every program. */
export function runsOn(adapter: JudgedAdapter): RunsOn[] {
  const traits = traitsOf(adapter);
  return programs.map(({ program, rules }) => {
    const rule = rules.find((rule) => traits.has(rule.if));
    return { program, runs: rule === undefined, reason: rule?.reason ?? null, export: rule?.export ?? null };
  });
}

const isFilled = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;
const embeddings = /(^|\.)(embed_tokens|wte|embed_in|word_embeddings|lm_head|embed_out)$/;

function traitsOf({ config, classes }: JudgedAdapter): ReadonlySet<Trait> {
  const { bias = 'none', modules_to_save: saved, target_modules: targets } = config;
  const named = Array.isArray(targets) ? targets.filter((one) => typeof one === 'string') : [];
  const found: Readonly<Record<Trait, boolean>> = {
    classes: classes !== null,
    dora: config['use_dora'] === true,
    bias: config['lora_bias'] === true,
    whole: bias !== 'none' || isFilled(saved),
    embedding: named.some((name) => embeddings.test(name)),
    patterns: isFilled(config['rank_pattern']) || isFilled(config['alpha_pattern']),
    any: true,
  };
  return new Set(Object.entries(found).flatMap(([trait, is]) => (is ? [trait as Trait] : [])));
}
