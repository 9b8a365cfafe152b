/** A base model with LoRA layers injected, its trainable numbers laid out in one vector. */
import { adapterLayout, frozenLayout } from '#lora/adapter-layout.js';
import { SubtractedLinear } from '#lora/inits/subtracted-linear.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { AdapterSwitch, DropoutStreams, Selector } from '#lora/layer-run.js';
import { type TargetModule, trainsBias } from '#lora/target-module.js';
import { variantAt } from '#lora/variants/registry.js';
import { causalModel } from '#models/abilities.js';
import type { Decoder } from '#models/decoder.js';
import { buildModel } from '#models/families/registry.js';
import type { ModelConfig } from '#models/model-config.js';
import type { Model } from '#models/model.js';
import { Attention } from '#nn/attention.js';
import type { FlatLayout } from '#nn/flat-state.js';
import type { RowMap } from '#nn/module.js';

/** What the step functions need of a model. */
export interface LoraModel {
  /** With the adapter's layers in the places of its own. */
  readonly model: Model;
  /** The same as one that predicts the next token. Throws UnsupportedError for others. */
  readonly decoder: Decoder;
  /** Names and places of the trainable weights in the flat state. */
  readonly layout: FlatLayout;
  /** Names and places of what is taken out of the base's weights while it is trained, of size 0 for nothing. */
  readonly frozen: FlatLayout;
  readonly streams: DropoutStreams;
  /** Number of layers with dropout, 0 for none. */
  readonly dropoutSites: number;
  /** Runs `work`, in which the model computes as the base model does; the same step may use both. */
  readonly withoutAdapter: <T>(work: () => T) => T;
}

/** Builds the model and puts a LoRA layer in the place of every target; without targets it is the base model. */
export function createLoraModel(
  config: ModelConfig,
  modules: readonly TargetModule[],
  dropout: number,
  selector: Selector = 'identity',
): LoraModel {
  const model = buildModel(config);
  const streams: DropoutStreams = { keys: undefined };
  const adapter: AdapterSwitch = { on: true };
  for (const [site, target] of modules.entries()) {
    const slot = model.slotOf(target.path);
    for (const { name, replaces } of target.tensors) {
      if (replaces !== undefined) slot.module.copyWeight(replaces, name, () => adapter.on);
    }
    if (target.r === 0) continue;
    const run = { dropout, site, streams, adapter, selector };
    const base = target.frozen ? new SubtractedLinear(slot.module as RowMap, target, run) : slot.module;
    slot.module = layerKind(target).wrap(base, target, run, variantAt(target).forward);
  }
  const biased = modules.filter(trainsBias).map(({ path }) => path);
  for (const attention of biased.length > 0 ? model.modules() : []) {
    if (!(attention instanceof Attention)) continue;
    attention.trainsBias = biased.some((path) => path.startsWith(`${attention.path}.`));
  }
  const withoutAdapter = <T>(work: () => T): T => {
    const before = adapter.on;
    adapter.on = false;
    try {
      return work();
    } finally {
      adapter.on = before;
    }
  };
  const dropoutSites = dropout > 0 ? modules.length : 0;
  return {
    model,
    get decoder() {
      return causalModel(model, 'training on the next token');
    },
    layout: adapterLayout(modules),
    frozen: frozenLayout(modules),
    streams,
    dropoutSites,
    withoutAdapter,
  };
}
