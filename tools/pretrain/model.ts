/** The base model on paper: its config.json, and the numbers its parameters start from. */
import { sizeOf } from '#base/shapes.js';
import { normalAt, streamKey } from '#jit/random.js';
import { causalModel } from '#models/abilities.js';
import { parseModelConfig } from '#models/config.js';
import type { Decoder } from '#models/decoder.js';
import { buildModel } from '#models/families/registry.js';
import { RmsNorm } from '#nn/layers.js';
import type { Module } from '#nn/module.js';
import { bosTokenId, contextLength, eosTokenId, padTokenId, vocabularySize } from './tokenizer.js';

/** config.json, with the fields that transformers 4 reads (rope_theta, torch_dtype) beside those of transformers 5. */
export const baseModelConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabularySize,
  hidden_size: 256,
  intermediate_size: 704,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  hidden_act: 'silu',
  max_position_embeddings: contextLength,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_type: 'default', rope_theta: 10_000 },
  rope_theta: 10_000,
  attention_bias: false,
  mlp_bias: false,
  attention_dropout: 0,
  initializer_range: 0.02,
  tie_word_embeddings: true,
  bos_token_id: bosTokenId,
  eos_token_id: eosTokenId,
  pad_token_id: padTokenId,
  dtype: 'bfloat16',
  torch_dtype: 'bfloat16',
} as const;

/** generation_config.json. */
export const generationConfig = {
  bos_token_id: bosTokenId,
  eos_token_id: eosTokenId,
  pad_token_id: padTokenId,
  do_sample: true,
  temperature: 0.8,
  top_p: 0.95,
} as const;

/** The layers of the base model. */
export function baseModel(): Decoder {
  return causalModel(buildModel(parseModelConfig(baseModelConfig)));
}

/** A parameter to train, and how it starts. */
export interface InitialParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Standard deviation around 0; undefined for a norm, which starts at 1. */
  readonly deviation: number | undefined;
  /** Matrices decay, norms do not. */
  readonly decays: boolean;
}

function initialDeviation(module: Module, layers: number): number | undefined {
  if (module instanceof RmsNorm) return undefined;
  const deviation = baseModelConfig.initializer_range;
  // Each layer adds twice to the residual stream; this keeps the sum's variance independent of depth (GPT-2).
  const addsToResidual = /\.(o_proj|down_proj)$/.test(module.path);
  return addsToResidual ? deviation / Math.sqrt(2 * layers) : deviation;
}

/** Every parameter of a model, in the order of its modules; a tied head has none of its own. */
export function initialParameters(model: Decoder): InitialParameter[] {
  return [...model.modules()].flatMap((module) => {
    const deviation = initialDeviation(module, model.config.layers);
    return module.ownParameters.map(({ name, shape }) => ({
      name,
      shape,
      deviation,
      decays: deviation !== undefined,
    }));
  });
}

/** A parameter's first values, a pure function of its name and the seed. */
export function initializeParameter(
  { name, shape, deviation }: InitialParameter,
  seed: number,
): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (deviation === undefined) return values.fill(1);
  const key = streamKey(seed, 0, name);
  return values.map((_, index) => deviation * normalAt(key, index));
}
