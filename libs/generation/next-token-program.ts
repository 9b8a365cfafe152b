/**
 * The step functions of generation: one reads a whole prompt and gives its keys and values, the other reads one token
 * more and goes on from those.
 *
 * With LoRA modules both read their factors too, each under its name, and with selectors the vector `selector` of all
 * of them. Factors or selectors of zeros give the base model's bits: every LoRA layer adds an exact zero.
 */
import { headLogits } from '#jit/ops/loss-head.js';
import { concat, gather, reshape, type Tensor, tensor, zeros } from '#jit/ops.js';
import type { Program, ProgramInputs } from '#jit/trace.js';
import { keysName, stateName, valuesName } from '#generation/key-value-cache.js';
import { selectorLayout } from '#lora/adapter-layout.js';
import type { Selector } from '#lora/layer-run.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import type { Decoder } from '#models/decoder.js';
import type { ModelConfig } from '#models/model-config.js';
import { cacheMask } from '#nn/attention-mask.js';
import { cachedAttention } from '#nn/cached-attention.js';
import { splitFlat } from '#nn/flat-state.js';

/** The model of which both step functions are made. */
export interface NextTokenLayers {
  readonly config: ModelConfig;
  readonly modules: readonly TargetModule[];
  readonly selector: Selector;
}

/** Makes the decoder and what gives all its weights their tensors. */
function boundDecoder({ config, modules, selector }: NextTokenLayers) {
  const { decoder } = createLoraModel(config, modules, 0, selector);
  const selectors = selectorLayout(modules);
  const bind = ({ data, weights }: ProgramInputs) => {
    const split = data['selector'] ? splitFlat(data['selector'], selectors) : [];
    const own = new Map(split.map((part, i) => [selectors.entries[i]!.name, part]));
    decoder.bindParameters(({ name }) => own.get(name) ?? data[name] ?? weights[name]!);
  };
  return { decoder, bind };
}

const logitsOf = (decoder: Decoder, hidden: Tensor) =>
  reshape(headLogits(hidden, decoder.logitsHead), [decoder.config.vocabSize]);

/**
 * Reads the start of a sequence: tokens and positions int32 [L], segments int32 [1, L] and row int32 [1].
 *
 * Gives logits f32 [vocabulary] of that row and, for each layer, the keys and values f32 [KV, L, D] of all rows, or what
 * else it carries after that row.
 */
export function prefillProgram(layers: NextTokenLayers): Program {
  const { decoder, bind } = boundDecoder(layers);
  return (inputs) => {
    bind(inputs);
    const { tokens, positions, segments, row } = inputs.data;
    const kept: Record<string, Tensor> = {};
    const hidden = decoder.forward({
      tokens: tokens!,
      positions: positions!,
      segments: segments!,
      attend: ({ layer, keysFrom, k, v, inBlocks }) => {
        if (keysFrom !== layer) return inBlocks();
        kept[keysName(layer)] = reshape(k, k.shape.slice(1));
        kept[valuesName(layer)] = reshape(v, v.shape.slice(1));
        return inBlocks();
      },
      carry: {
        before: () => undefined,
        keep: (path, state) => void (kept[stateName(path)] = state),
        lastRow: row!,
      },
    });
    return { outputs: { logits: logitsOf(decoder, gather(hidden, row!)), ...kept }, state: {} };
  };
}

/**
 * Reads token and position int32 [1], and for each layer keys and values f32 [KV, L, D] of the tokens before it.
 *
 * Gives logits f32 [vocabulary] and `added` f32, one number after another: the token's own keys and values [KV, D],
 * layer by layer; and what else layers carry, as it is read.
 */
export function decodeProgram(layers: NextTokenLayers): Program {
  const { decoder, bind } = boundDecoder(layers);
  return (inputs) => {
    bind(inputs);
    const { data } = inputs;
    const position = data['position']!;
    const { attentions } = decoder;
    const [, L] = data[keysName(attentions[0]!.layer)]!.shape as [number, number];
    const windows = [...new Set(attentions.map(({ window }) => window))];
    const masks = new Map(windows.map((window) => [window, cacheMask(position, L, window)]));
    const added: Tensor[] = [];
    const states: Record<string, Tensor> = {};
    const hidden = decoder.forward({
      tokens: data['token']!,
      positions: position,
      segments: zeros([1, 1], 'int32'),
      attend: ({ layer, keysFrom, window, scale, softcap, q, k, v }) => {
        if (keysFrom === layer) added.push(reshape(k, [-1]), reshape(v, [-1]));
        const past = { keys: data[keysName(keysFrom)]!, values: data[valuesName(keysFrom)]! };
        return cachedAttention(q, k, v, past, { mask: masks.get(window)!, scale, softcap });
      },
      carry: {
        before: (path) => data[stateName(path)],
        keep: (path, state) => void (states[stateName(path)] = state),
        lastRow: tensor([0], [1], 'int32'),
      },
    });
    return {
      outputs: { logits: logitsOf(decoder, hidden), added: concat(added, 0), ...states },
      state: {},
    };
  };
}
