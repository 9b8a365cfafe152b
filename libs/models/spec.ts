import type { Architecture, DecoderConfig } from '#models/config.js';

/** A tensor that a model's files hold. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/** y = W x (+ b), W stored as [outFeatures, inFeatures]. */
export interface LinearSpec {
  readonly kind: 'linear';
  readonly path: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  /** Tensors of its own: none for an output embedding that shares the input embedding's weight. */
  readonly parameters: readonly ParameterSpec[];
}

/** A table [rows, features] of which rows are picked. */
export interface EmbeddingSpec {
  readonly kind: 'embedding';
  readonly path: string;
  readonly rows: number;
  readonly features: number;
  readonly parameters: readonly ParameterSpec[];
}

/** x / rms(x) * weight over the last dimension. */
export interface RmsNormSpec {
  readonly kind: 'rms-norm';
  readonly path: string;
  readonly features: number;
  readonly parameters: readonly ParameterSpec[];
}

/** A module that has tensors. */
export type ModuleSpec = LinearSpec | EmbeddingSpec | RmsNormSpec;

/** The module tree of a decoder, known from its configuration alone: names, shapes and sizes, no numbers. */
export interface DecoderSpec {
  readonly architecture: Architecture;
  readonly modelType: string;
  /** In the order of the real module tree, an output embedding with a tied weight included. */
  readonly modules: readonly ModuleSpec[];
  /** Modules without tensors of their own, which patterns over module paths can hit as well. */
  readonly containers: readonly string[];
  readonly inputEmbedding: string;
  readonly outputEmbedding: string;
  /** Whether the output embedding uses the weight of the input embedding. */
  readonly tied: boolean;
  /** Every tensor that the model's files must hold, in the order of `modules`. */
  readonly parameters: readonly ParameterSpec[];
  /** How many numbers `parameters` hold; a tied weight counts once. */
  readonly parameterCount: number;
}

/** Lists the modules and tensors of a decoder from its configuration, by the names in its files. */
export function decoderSpec(config: DecoderConfig): DecoderSpec {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = config;
  const inputEmbedding = 'model.embed_tokens';
  const outputEmbedding = 'lm_head';
  const modules: ModuleSpec[] = [embedding(inputEmbedding, vocabSize, hiddenSize)];
  const containers = ['model', 'model.layers'];
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    modules.push(
      linear(`${at}.self_attn.q_proj`, hiddenSize, heads * headDim, config.attentionBias),
      linear(`${at}.self_attn.k_proj`, hiddenSize, kvHeads * headDim, config.attentionBias),
      linear(`${at}.self_attn.v_proj`, hiddenSize, kvHeads * headDim, config.attentionBias),
      linear(`${at}.self_attn.o_proj`, heads * headDim, hiddenSize, config.outputBias),
      linear(`${at}.mlp.gate_proj`, hiddenSize, intermediateSize, config.mlpBias),
      linear(`${at}.mlp.up_proj`, hiddenSize, intermediateSize, config.mlpBias),
      linear(`${at}.mlp.down_proj`, intermediateSize, hiddenSize, config.mlpBias),
      rmsNorm(`${at}.input_layernorm`, hiddenSize),
      rmsNorm(`${at}.post_attention_layernorm`, hiddenSize),
    );
    containers.push(at, `${at}.self_attn`, `${at}.mlp`, `${at}.mlp.act_fn`);
  }
  modules.push(rmsNorm('model.norm', hiddenSize));
  containers.push('model.rotary_emb');
  const head = linear(outputEmbedding, hiddenSize, vocabSize, false);
  modules.push(config.tieWordEmbeddings ? { ...head, parameters: [] } : head);

  const parameters = modules.flatMap((module) => module.parameters);
  return {
    architecture: config.architecture,
    modelType: config.modelType,
    modules,
    containers,
    inputEmbedding,
    outputEmbedding,
    tied: config.tieWordEmbeddings,
    parameters,
    parameterCount: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
  };
}

/** The linear layer at a path, or undefined. */
export function findLinear(spec: DecoderSpec, path: string): LinearSpec | undefined {
  return spec.modules.find(
    (module): module is LinearSpec => module.kind === 'linear' && module.path === path,
  );
}

/** How many numbers a shape holds. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function linear(path: string, inFeatures: number, outFeatures: number, bias: boolean): LinearSpec {
  const weight = { name: `${path}.weight`, shape: [outFeatures, inFeatures] };
  const parameters = bias ? [weight, { name: `${path}.bias`, shape: [outFeatures] }] : [weight];
  return { kind: 'linear', path, inFeatures, outFeatures, bias, parameters };
}

function embedding(path: string, rows: number, features: number): EmbeddingSpec {
  const parameters = [{ name: `${path}.weight`, shape: [rows, features] }];
  return { kind: 'embedding', path, rows, features, parameters };
}

function rmsNorm(path: string, features: number): RmsNormSpec {
  return { kind: 'rms-norm', path, features, parameters: [{ name: `${path}.weight`, shape: [features] }] };
}
