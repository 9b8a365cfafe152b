import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { jsonProblem } from '#base/json-problem.js';
import { parseRope, ropeFields } from '#models/config-rope.js';
import type { RopeProblem } from '#models/config-rope.js';
import type { RopeConfig } from '#nn/rotary-frequencies.js';

/** The architectures that can be trained and run. */
export type Architecture = 'LlamaForCausalLM' | 'MistralForCausalLM' | 'Qwen2ForCausalLM';

/**
 * One description of every supported decoder: grouped-query attention with rotary positions and a gated SiLU MLP,
 * RMS norms before each, no norm after. What sets the families apart is visible as flags.
 */
export interface DecoderConfig {
  readonly architecture: Architecture;
  /** The family's name in `model_type`. */
  readonly modelType: string;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly rmsNormEps: number;
  /** Whether q, k and v have biases. */
  readonly attentionBias: boolean;
  /** Whether o has a bias. */
  readonly outputBias: boolean;
  /** Whether gate, up and down have biases. */
  readonly mlpBias: boolean;
  /** For each layer the number of positions a token sees, itself included; null = all before it. */
  readonly slidingWindow: readonly (number | null)[];
  readonly tieWordEmbeddings: boolean;
  readonly rope: RopeConfig;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
}

/** A config.json that cannot be read: every problem with its field. */
export class ModelConfigError extends LowrankError {
  constructor(source: string, problems: readonly (readonly [field: string, problem: string])[]) {
    const list = problems.map(([field, problem]) => `${field}: ${problem}`).join('; ');
    super('model_config_invalid', `${source} does not describe a model: ${list}`, { details: { problems } });
  }
}

/** What a configuration class of transformers 5.23 fills in where the file is silent. */
interface FamilyDefaults {
  readonly modelType: string;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  readonly kvHeads: number | null;
  readonly maxPositionEmbeddings: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
}

const families: Readonly<Record<Architecture, FamilyDefaults>> = {
  LlamaForCausalLM: {
    modelType: 'llama',
    intermediateSize: 11_008,
    vocabSize: 32_000,
    kvHeads: null,
    maxPositionEmbeddings: 2048,
    bosTokenId: 1,
    eosTokenId: 2,
  },
  MistralForCausalLM: {
    modelType: 'mistral',
    intermediateSize: 14_336,
    vocabSize: 32_000,
    kvHeads: 8,
    maxPositionEmbeddings: 131_072,
    bosTokenId: 1,
    eosTokenId: 2,
  },
  Qwen2ForCausalLM: {
    modelType: 'qwen2',
    intermediateSize: 22_016,
    vocabSize: 151_936,
    kvHeads: 32,
    maxPositionEmbeddings: 32_768,
    bosTokenId: null,
    eosTokenId: null,
  },
};
/** Names that `architectures` may hold. */
export const knownArchitectures = Object.keys(families) as readonly Architecture[];

// The limits only keep a hostile file from asking for absurd amounts of memory.
const size = z.int().positive().max(10_000_000);
const token = z.int();

const fileSchema = z.object({
  ...ropeFields,
  hidden_size: size.default(4096),
  intermediate_size: size.optional(),
  num_hidden_layers: z.int().positive().max(10_000).default(32),
  num_attention_heads: size.default(32),
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size.optional(),
  max_position_embeddings: z.int().positive().optional(),
  rms_norm_eps: z.number().positive().default(1e-6),
  hidden_act: z.string().default('silu'),
  attention_bias: z.boolean().default(false),
  attention_dropout: z.number().nullish(),
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  sliding_window: z.int().positive().nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.string()).nullish(),
  bos_token_id: token.nullish(),
  eos_token_id: z.union([token, z.array(token)]).nullish(),
  pad_token_id: token.nullish(),
});
type File = z.infer<typeof fileSchema>;

/**
 * Reads config.json of a model folder.
 *
 * Throws LowrankError `model_config_missing`, ModelConfigError and UnsupportedError.
 */
export async function readModelConfig(folder: string): Promise<DecoderConfig> {
  const file = path.join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new LowrankError(
      'model_config_missing',
      `${file} cannot be read: a model folder holds config.json beside its weights`,
      { cause, details: { file } },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelConfigError(file, [['(file)', jsonProblem(cause)]]);
  }
  return parseModelConfig(json, file);
}

/**
 * Turns the JSON of a config.json, in the older or the newer spelling, into one description with every default filled
 * in as the configuration classes of transformers 5.23 do. `source` names the file in messages.
 *
 * Throws UnsupportedError for an architecture or an option that is not done here, ModelConfigError with every problem.
 */
export function parseModelConfig(json: unknown, source = 'config.json'): DecoderConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ModelConfigError(source, [['(file)', 'must be a JSON object']]);
  }
  const architecture = findArchitecture(json as Record<string, unknown>, source);
  refuseUnsupportedOptions(json as Record<string, unknown>, architecture);
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new ModelConfigError(
      source,
      parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message]),
    );
  }
  const file = parsed.data;
  const defaults = families[architecture];
  const heads = file.num_attention_heads;
  const kvHeads =
    file.num_key_value_heads === undefined
      ? (defaults.kvHeads ?? heads)
      : (file.num_key_value_heads ?? heads);
  const headDim = file.head_dim ?? Math.floor(file.hidden_size / heads);
  const maxPositionEmbeddings = file.max_position_embeddings ?? defaults.maxPositionEmbeddings;
  const problems: RopeProblem[] = [];
  const rope = parseRope(file, maxPositionEmbeddings, problems);
  if (architecture === 'LlamaForCausalLM' && file.hidden_size % heads !== 0) {
    problems.push(['hidden_size', `${file.hidden_size} is no multiple of num_attention_heads ${heads}`]);
  }
  if (heads % kvHeads !== 0) {
    problems.push(['num_key_value_heads', `${kvHeads} does not divide num_attention_heads ${heads}`]);
  }
  if (headDim === 0 || headDim % 2 !== 0) {
    problems.push(['head_dim', `${headDim} is not even: rotary embeddings turn pairs`]);
  }
  const slidingWindow = readSlidingWindow(architecture, file, problems);
  if (problems.length > 0) throw new ModelConfigError(source, problems);
  const isLlama = architecture === 'LlamaForCausalLM';
  const eos = file.eos_token_id === undefined ? defaults.eosTokenId : file.eos_token_id;
  return {
    architecture,
    modelType: defaults.modelType,
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size ?? defaults.intermediateSize,
    layers: file.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    vocabSize: file.vocab_size ?? defaults.vocabSize,
    maxPositionEmbeddings,
    rmsNormEps: file.rms_norm_eps,
    // Only Llama reads the flags of the file; the code of the others fixes them.
    attentionBias: isLlama ? file.attention_bias : architecture === 'Qwen2ForCausalLM',
    outputBias: isLlama && file.attention_bias,
    mlpBias: isLlama && file.mlp_bias,
    slidingWindow,
    tieWordEmbeddings: file.tie_word_embeddings,
    rope,
    bosTokenId: file.bos_token_id === undefined ? defaults.bosTokenId : file.bos_token_id,
    eosTokenIds: eos === null ? [] : [eos].flat(),
    padTokenId: file.pad_token_id ?? null,
  };
}

function findArchitecture(json: Record<string, unknown>, source: string): Architecture {
  const named: unknown = Array.isArray(json['architectures']) ? json['architectures'][0] : undefined;
  const modelType = json['model_type'];
  if (named === undefined) {
    const byType = knownArchitectures.find((known) => families[known].modelType === modelType);
    if (byType !== undefined) return byType;
  }
  const architecture = knownArchitectures.find((known) => known === named);
  if (architecture === undefined) {
    const shown = JSON.stringify(named ?? modelType ?? null);
    throw new UnsupportedError(
      `${source}: architecture ${shown} is not supported; known architectures: ${knownArchitectures.join(', ')}`,
      { architecture: named ?? null, modelType: modelType ?? null, known: knownArchitectures },
    );
  }
  if (modelType !== undefined && modelType !== families[architecture].modelType) {
    throw new ModelConfigError(source, [
      ['model_type', `${JSON.stringify(modelType)} does not belong to architecture ${architecture}`],
    ]);
  }
  return architecture;
}

/** Options that real model files carry, that change the mathematics, and that are not done here. */
function refuseUnsupportedOptions(json: Record<string, unknown>, architecture: Architecture): void {
  const refuse = (option: string, hint: string) => {
    throw new UnsupportedError(
      `${option} ${JSON.stringify(json[option])} is not supported for ${architecture}: ${hint}`,
      { architecture, option },
    );
  };
  const { hidden_act: act, attention_dropout: dropout, layer_types: layerTypes } = json;
  if (act !== undefined && act !== 'silu') refuse('hidden_act', 'known activations: silu');
  if (typeof dropout === 'number' && dropout !== 0) {
    refuse('attention_dropout', 'only 0 is known; set it to 0 and use lora_dropout');
  }
  if (json['quantization_config'] !== undefined && json['quantization_config'] !== null) {
    refuse('quantization_config', 'weights must be float32, bfloat16 or float16');
  }
  if (json['per_layer_config'] !== undefined && json['per_layer_config'] !== null) {
    refuse('per_layer_config', 'all layers must have the same sizes');
  }
  if (architecture === 'MistralForCausalLM' && Array.isArray(layerTypes) && new Set(layerTypes).size > 1) {
    refuse('layer_types', 'every layer of a Mistral model has the same window');
  }
}

function readSlidingWindow(
  architecture: Architecture,
  file: File,
  problems: RopeProblem[],
): (number | null)[] {
  const everyLayer = Array.from({ length: file.num_hidden_layers }, (_, layer) => layer);
  const window = file.sliding_window === undefined ? 4096 : file.sliding_window;
  if (architecture === 'LlamaForCausalLM') return everyLayer.map(() => null);
  if (architecture === 'MistralForCausalLM') return everyLayer.map(() => window);
  const enabled = file.use_sliding_window ? window : null;
  const types = file.layer_types ?? undefined;
  if (types === undefined) {
    return everyLayer.map((layer) => (layer >= file.max_window_layers ? enabled : null));
  }
  if (types.length !== file.num_hidden_layers) {
    problems.push(['layer_types', `has ${types.length} entries for ${file.num_hidden_layers} layers`]);
  }
  const unknown = types.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (unknown !== undefined) {
    throw new UnsupportedError(
      `layer type ${JSON.stringify(unknown)} in layer_types is not supported for ${architecture}; ` +
        'known layer types: full_attention, sliding_attention',
      { architecture, option: 'layer_types' },
    );
  }
  if (enabled === null && types.includes('sliding_attention')) {
    problems.push(['layer_types', 'has sliding_attention but use_sliding_window or sliding_window is off']);
  }
  return types.map((type) => (type === 'sliding_attention' ? enabled : null));
}
