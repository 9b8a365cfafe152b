/**
 * Next tokens from keys and values that are kept: a prompt lies at the start of a bucket of fixed length and is read at
 * once, then every token is one short run. What fills a bucket or a cache up to its length is hidden by masks.
 */
import { AdapterFeed } from '#generation/adapter-feed.js';
import {
  type CachedLayer,
  KeyValueCache,
  isStateName,
  keysName,
  stateName,
  valuesName,
} from '#generation/key-value-cache.js';
import type { AdapterNumbers, NextTokenModel, TokenSequence } from '#generation/next-token-model.js';
import { decodeProgram, prefillProgram } from '#generation/next-token-program.js';
import { LowrankError } from '#base/errors.js';
import type { WeightSpec } from '#jit/graph.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { layerKey } from '#lora/adapter-layout.js';
import { isBaseAtZero } from '#lora/variants/registry.js';
import type { Selector } from '#lora/layer-run.js';
import type { TargetModule } from '#lora/target-module.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import { causalModel } from '#models/abilities.js';
import type { Decoder } from '#models/decoder.js';
import type { ModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner, type CompiledRunnerOptions } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';

/** What carries out the step functions: compiled graphs, or a TensorFlow.js backend that is registered already. */
export type RunnerChoice =
  | ({ readonly kind: 'compiled' } & CompiledRunnerOptions)
  | { readonly kind: 'eager'; readonly backend: string };

const shortestBucket = 64;
const shortestCache = 256;
/** Attention masks grow with the square of the length: beyond this one takes more than a gigabyte. */
const longestBucket = 16_384;

function growingLengths(shortest: number, factor: number, limit: number): number[] {
  const lengths: number[] = [];
  for (let length = shortest; length < limit; length *= factor) lengths.push(length);
  return [...lengths, limit];
}

/** Lengths of buckets for prompts, doubling up to the limit itself. */
export const bucketLengths = (limit: number): number[] => growingLengths(shortestBucket, 2, limit);

/** Lengths of caches: fewer, as room that is not used costs little beside the weights that every token reads. */
export const cacheLengths = (limit: number): number[] => growingLengths(shortestCache, 4, limit);

/** What needs a model of the next token here. */
const purpose = 'writing text';

type Phase = 'prefill' | 'decode';
const programName = (phase: Phase, length: number, isBase: boolean) =>
  `${phase} of ${length}${isBase ? ' without the adapter' : ''}`;

/** What the step function of a phase reads for buckets or caches of a length, adapter and weights left out. */
function phaseInputs(
  phase: Phase,
  length: number,
  { cachedLayers: cached, states }: Pick<Decoder, 'cachedLayers' | 'states'>,
): ProgramSpec['data'] {
  const ints = (...shape: number[]) => ({ shape, dtype: 'int32' as const });
  if (phase === 'prefill') {
    return { tokens: ints(length), positions: ints(length), segments: ints(1, length), row: ints(1) };
  }
  const kept = cached.flatMap(({ layer, kvHeads, headDim }) =>
    [keysName(layer), valuesName(layer)].map(
      (name) => [name, { shape: [kvHeads, length, headDim], dtype: 'float32' as const }] as const,
    ),
  );
  const carried = states.map(
    ({ path, shape }) => [stateName(path), { shape, dtype: 'float32' as const }] as const,
  );
  return { token: ints(1), position: ints(1), ...Object.fromEntries([...kept, ...carried]) };
}

export interface BucketModelOptions {
  readonly model: ModelFolder;
  /** Layers that an adapter may change; empty = base model only. */
  readonly modules: readonly TargetModule[];
  /** 'diagonal' = adapters come with a selector; default 'identity'. */
  readonly selector?: Selector;
  readonly runner: RunnerChoice;
  /** The model's weights in another precision; default as they are stored. */
  readonly weights?: Readonly<Record<string, WeightSpec>>;
  /** Most tokens of a sequence, if fewer than the model takes. */
  readonly maxLength?: number;
}

/** The step functions of every phase and length, made when they are first needed. */
function openRunner(
  { model, modules, selector = 'identity', runner, weights: given }: BucketModelOptions,
  limit: number,
  adapter: ProgramSpec['data'],
): Runner {
  const { config } = model;
  const layers = modules.map(layerKey);
  const make = { prefill: prefillProgram, decode: decodeProgram };
  // Where zeros would not leave the base's bits, the base has step functions of its own.
  const kinds = modules.every(isBaseAtZero) ? [false] : [false, true];
  const programOf = (phase: Phase, isBase: boolean): Program =>
    make[phase]({ config, modules: isBase ? [] : modules, selector });
  const weights = given ?? frozenWeights(model.parameters);
  const lengths = { prefill: bucketLengths(limit), decode: cacheLengths(limit) };
  const phases = (['prefill', 'decode'] as const).flatMap((phase) =>
    kinds.flatMap((isBase) =>
      lengths[phase].map((length) => {
        const data = {
          ...phaseInputs(phase, length, causalModel(model.tree, purpose)),
          ...(isBase ? {} : adapter),
        };
        const spec = { data, scalars: [], state: {}, weights };
        return { phase, isBase, name: programName(phase, length, isBase), spec };
      }),
    ),
  );
  if (runner.kind === 'eager') {
    const programs = kinds.map((isBase) => ({
      prefill: programOf('prefill', isBase),
      decode: programOf('decode', isBase),
    }));
    const named = phases.map(
      ({ phase, isBase, name, spec }) => [name, { program: programs[Number(isBase)]![phase], spec }] as const,
    );
    return new EagerRunner(Object.fromEntries(named), {}, readFrozenWeight, runner.backend);
  }
  const { kind: _, ...options } = runner;
  const { device, cacheFolder } = options;
  const named = phases.map(({ phase, isBase, name, spec }) => {
    const compile = () =>
      compileProgram(programOf(phase, isBase), spec, { device, recomputedSegments: 0 }, cacheFolder);
    const key = { program: phase, config, layers: isBase ? [] : layers, spec, device };
    return [name, { key, compile }] as const;
  });
  return new CompiledRunner(Object.fromEntries(named), {}, options);
}

export class BucketModel implements NextTokenModel {
  /** `runner` has the step functions of the model for all lengths up to `maxLength`. */
  constructor(
    readonly maxLength: number,
    private readonly vocabSize: number,
    private readonly cached: readonly CachedLayer[],
    private readonly runner: Runner,
    private readonly feed: AdapterFeed,
    private readonly hasBase: boolean,
  ) {}

  /** Nothing is compiled or read before it is needed. TensorFlow.js is loaded only to compile or to run eagerly. */
  static create(options: BucketModelOptions): BucketModel {
    const { model, modules, selector = 'identity', maxLength } = options;
    const { config, cachedLayers } = causalModel(model.tree, purpose);
    const limit = Math.min(maxLength ?? Infinity, config.maxPositionEmbeddings, longestBucket);
    const feed = new AdapterFeed(modules, selector);
    const runner = openRunner(options, limit, feed.spec);
    return new BucketModel(limit, config.vocabSize, cachedLayers, runner, feed, !modules.every(isBaseAtZero));
  }

  /** Throws `adapter_layout_mismatch` for an adapter of another layout; `extend` throws `token_out_of_range`. */
  open(adapter: AdapterNumbers | undefined): TokenSequence {
    const { runner, vocabSize, cached, maxLength } = this;
    const isBase = this.hasBase && adapter === undefined;
    const numbers = isBase ? {} : this.feed.inputs(adapter);
    return new BucketSequence(runner, vocabSize, cached, maxLength, numbers, isBase);
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}

function carriedIn(kept: Readonly<Record<string, NumericArray>>): Record<string, Float32Array> {
  const states = Object.entries(kept).filter(([name]) => isStateName(name));
  return Object.fromEntries(states) as Record<string, Float32Array>;
}

class BucketSequence implements TokenSequence {
  private cache: KeyValueCache | undefined;
  /** What layers carry from token to token beside keys and values. */
  private states: Readonly<Record<string, Float32Array>> = {};

  constructor(
    private readonly runner: Runner,
    private readonly vocabSize: number,
    private readonly cached: readonly CachedLayer[],
    private readonly maxLength: number,
    private readonly adapter: Readonly<Record<string, Float32Array>>,
    private readonly isBase: boolean,
  ) {}

  async extend(tokens: readonly number[]): Promise<Float32Array> {
    const { vocabSize } = this;
    const unexpected = tokens.find((token) => !(token >= 0 && token < vocabSize));
    if (unexpected !== undefined) {
      throw new LowrankError(
        'token_out_of_range',
        `the token ${unexpected} is not in the model's vocabulary of ${vocabSize} tokens`,
        { details: { token: unexpected, vocabSize } },
      );
    }
    if (!this.cache) return this.prefill(tokens);
    let logits: Float32Array | undefined;
    for (const token of tokens) logits = await this.decode(token, this.cache);
    return logits!;
  }

  private async prefill(tokens: readonly number[]): Promise<Float32Array> {
    const length = bucketLengths(this.maxLength).find((length) => length >= tokens.length)!;
    const bucket = new Int32Array(length);
    bucket.set(tokens);
    const { logits, ...kept } = await this.runner.run(programName('prefill', length, this.isBase), {
      data: {
        tokens: bucket,
        positions: Int32Array.from(bucket, (_, i) => i),
        segments: new Int32Array(length),
        row: Int32Array.of(tokens.length - 1),
        ...this.adapter,
      },
    });
    this.cache = new KeyValueCache(this.cached, length, tokens.length, kept);
    this.states = carriedIn(kept);
    return logits as Float32Array;
  }

  private async decode(token: number, cache: KeyValueCache): Promise<Float32Array> {
    const room = cacheLengths(this.maxLength).find((length) => length > cache.length)!;
    if (room !== cache.capacity) cache.grow(room);
    const { logits, added, ...kept } = await this.runner.run(
      programName('decode', cache.capacity, this.isBase),
      {
        data: {
          token: Int32Array.of(token),
          position: Int32Array.of(cache.length),
          ...cache.inputs(),
          ...this.states,
          ...this.adapter,
        },
      },
    );
    cache.append(added as Float32Array);
    this.states = carriedIn(kept);
    return logits as Float32Array;
  }
}
