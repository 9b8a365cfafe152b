/** The text models of Ministral 3 (Mistral AI 2025): YaRN, and queries that grow with the length of the text. */
import { z } from 'zod';
import { add, cast, div, floor, log, mul, reshape, scalar, type Tensor } from '#jit/ops.js';
import { Decoder } from '#models/decoder.js';
import { readRotaryFields, readWindow, type RotaryFields } from '#models/families/decoder-fields.js';
import { defineFamily } from '#models/families/family.js';
import { ProjectedAttention, type ProjectedAttentionOptions } from '#nn/attention.js';
import { DecoderBody } from '#nn/decoder-body.js';
import { PreNormLayer } from '#nn/decoder-layers.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import { RmsNorm } from '#nn/layers.js';
import { GatedMlp } from '#nn/mlp.js';
import { rotaryFrequencies } from '#nn/rotary-frequencies.js';

interface Ministral3Config extends RotaryFields {
  readonly slidingWindow: number | null;
  readonly queryGrowth: QueryGrowth;
}

/** Queries at position p are multiplied by 1 + beta log(1 + floor(p / length)). */
interface QueryGrowth {
  readonly beta: number;
  readonly length: number;
}

class GrowingAttention extends ProjectedAttention {
  constructor(
    path: string,
    options: ProjectedAttentionOptions,
    private readonly growth: QueryGrowth,
  ) {
    super(path, options);
  }

  protected override finishQueries(q: Tensor, { positions }: DecoderPass): Tensor {
    const { beta, length } = this.growth;
    const periods = floor(div(cast(positions, 'float32'), scalar(length)));
    const factor = add(scalar(1), mul(log(add(scalar(1), periods)), scalar(beta)));
    return mul(q, reshape(factor, [-1, 1]));
  }
}

/** What the configuration class of transformers takes where the file has no `rope_parameters`. */
const silentRope = {
  type: 'yarn',
  rope_theta: 1e6,
  factor: 16,
  original_max_position_embeddings: 16_384,
  beta_fast: 32,
  beta_slow: 1,
  mscale_all_dim: 1,
  mscale: 1,
  llama_4_scaling_beta: 0.1,
};

export const ministral3 = defineFamily<Ministral3Config>({
  name: 'Ministral 3',
  architecture: 'Ministral3ForCausalLM',
  modelType: 'ministral3',
  sequenceClassifier: 'Ministral3ForSequenceClassification',
  // PEFT has no choice of its own for this family.
  defaultTargets: ['q_proj', 'v_proj'],
  parse: (written) => {
    const reader = written.withDefaults({ rope_parameters: silentRope });
    const fields = readRotaryFields(reader, {
      intermediateSize: 14_336,
      layers: 34,
      kvHeads: 8,
      headDim: 128,
      vocabSize: 131_072,
      maxPositionEmbeddings: 262_144,
      rmsNormEps: 1e-5,
      padTokenId: 11,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    const { rope_parameters: rope } = reader.fields({
      rope_parameters: z.looseObject({
        llama_4_scaling_beta: z.number().nonnegative(),
        original_max_position_embeddings: z.int().positive(),
      }),
    });
    return {
      ...fields,
      slidingWindow: readWindow(reader, null),
      queryGrowth: { beta: rope.llama_4_scaling_beta, length: rope.original_max_position_embeddings },
    };
  },
  build: (config) => {
    const { hiddenSize, rmsNormEps } = config;
    const rotary = rotaryFrequencies(config.rotarySize, config.rope);
    const norm = (path: string) => new RmsNorm(path, hiddenSize, rmsNormEps);
    const layer = (path: string, layer: number) => {
      const options = { ...config, layer, rotary, window: config.slidingWindow };
      return new PreNormLayer(path, {
        norm,
        attention: (path) => new GrowingAttention(path, options, config.queryGrowth),
        mlp: (path) => new GatedMlp(path, config),
      });
    };
    return new Decoder(config, {
      body: (path) => new DecoderBody(path, { ...config, norm, layer }),
    });
  },
});
