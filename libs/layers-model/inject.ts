/** LoRA for a model that TensorFlow.js runs by itself: a `tf.LayersModel` on whichever backend is set. */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import { InjectedLayer, replaceCall } from '#layers-model/injected-layer.js';
import { type LayersLoraConfig, namedLayers, resolveLayers } from '#layers-model/targets.js';
import type { LoraConfig } from '#lora/config.js';
import type { TensorFlow, TfLayer, TfLayersModel, TfVariable } from '#layers-model/tensorflow.js';

/** Layers of models that have an adapter at the moment: two could not be taken off in any order. */
const adapted = new WeakSet<TfLayer>();

/** An adapter on a model; the model answers with it until it is merged or removed. */
export class InjectedLora<M extends TfLayersModel = TfLayersModel> {
  private readonly restore: (() => void)[];
  private readonly all: readonly TfLayer[];

  constructor(
    readonly tf: TensorFlow,
    readonly model: M,
    readonly layers: readonly InjectedLayer[],
    readonly seed: number,
  ) {
    this.restore = layers.map((layer) => layer.restore);
    const named = namedLayers(model);
    this.all = named.map(({ layer }) => layer);
    for (const { layer, className } of named) {
      adapted.add(layer);
      if (className === 'BatchNormalization') this.restore.push(freezeStatistics(layer));
    }
  }

  /** Down and up of every layer: all that training changes. For an optimizer of your own. */
  get variables(): TfVariable[] {
    return this.layers.flatMap(({ down, up }) => [down, up]);
  }

  get trainableParameters(): number {
    return this.variables.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }

  /** How much of the update counts, at once and for all layers: 1 as trained, 0 to the bit the base model. */
  setStrength(strength: number): void {
    for (const layer of this.layers) layer.strength = strength;
  }

  /** Takes the adapter off: the model is what it was before, and the factors are disposed of. */
  remove(): void {
    this.restore.splice(0).forEach((restore) => restore());
    for (const layer of this.all) adapted.delete(layer);
    for (const layer of this.layers) layer.dispose();
  }
}

/** Statistics of batch normalisation are part of the frozen model: they are used and never moved. */
function freezeStatistics(layer: TfLayer): () => void {
  const base = layer.call.bind(layer);
  return replaceCall(layer, (inputs, options) => base(inputs, { ...options, training: false }));
}

/** Throws UnsupportedError for a start that reads weights or ties factors to each other. */
function initOf({ init_lora_weights: init }: Pick<LoraConfig, 'init_lora_weights'>): boolean | 'gaussian' {
  if (typeof init === 'boolean' || init === 'gaussian') return init;
  throw new UnsupportedError(
    `init_lora_weights ${JSON.stringify(init)} is not done on a model of TensorFlow.js: give true, false or "gaussian"`,
  );
}

/**
 * Puts low-rank updates beside the Dense and Conv2D layers that a configuration names; `tf` is the TensorFlow.js that
 * made the model. Up starts as zero, so the model answers as before until it is trained.
 *
 * Throws LoraConfigError, UnsupportedError, and LowrankError `no_target_modules`, `rank_too_large` and
 * `already_adapted`.
 */
export function injectLora<M extends TfLayersModel>(
  model: M,
  config: LayersLoraConfig,
  tf: TensorFlow,
): InjectedLora<M> {
  const { targets, settings } = resolveLayers(model, config);
  const taken = namedLayers(model).find(({ layer }) => adapted.has(layer));
  if (taken) {
    throw new LowrankError(
      'already_adapted',
      `the model of the layer ${taken.path} has an adapter already: merge or remove that one first`,
    );
  }
  const { seed = 0 } = config;
  const options = { dropout: settings.lora_dropout, init: initOf(settings), seed };
  const layers = targets.map((target, i) => new InjectedLayer(tf, target, i, options));
  return new InjectedLora(tf, model, layers, seed);
}
