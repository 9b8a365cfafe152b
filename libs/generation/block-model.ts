/**
 * Next tokens by running whole blocks: a sequence lies at the start of a block of fixed length, and what fills the
 * rest is hidden from it by the causal mask.
 */
import { LowrankError } from '#jit/errors.js';
import type { ProgramSpec } from '#jit/trace.js';
import { AdapterFeed } from '#generation/adapter-feed.js';
import type { AdapterNumbers, NextTokenModel } from '#generation/next-token-model.js';
import type { Selector } from '#lora/lora-linear.js';
import type { TargetModule } from '#lora/target-modules.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { CompiledRunner, type CompiledRunnerOptions } from '#runtime/compiled-runner.js';
import type { Runner } from '#runtime/runner.js';

/** What carries out the step functions: compiled graphs, or a TensorFlow.js backend that is registered already. */
export type RunnerChoice =
  | ({ readonly kind: 'compiled' } & CompiledRunnerOptions)
  | { readonly kind: 'eager'; readonly backend: string };

const shortestBlock = 64;
/** Attention masks grow with the square of the length: beyond this one takes more than a gigabyte. */
const longestBlock = 16_384;

/** Lengths of blocks, doubling up to the limit itself. */
export function blockLengths(limit: number): number[] {
  const lengths: number[] = [];
  for (let length = shortestBlock; length < limit; length *= 2) lengths.push(length);
  return [...lengths, limit];
}

const programName = (length: number) => `next token of ${length}`;

function nextTokenSpec(model: ModelFolder, length: number, adapter: ProgramSpec['data']): ProgramSpec {
  const block = { shape: [length], dtype: 'int32' } as const;
  return {
    data: {
      tokens: block,
      positions: block,
      segments: { shape: [1, length], dtype: 'int32' },
      row: { shape: [1], dtype: 'int32' },
      ...adapter,
    },
    scalars: [],
    state: {},
    weights: frozenWeights(model.parameters),
  };
}

export interface BlockModelOptions {
  readonly model: ModelFolder;
  /** Layers that an adapter may change; empty = base model only. */
  readonly modules: readonly TargetModule[];
  /** 'diagonal' = adapters come with a selector; default 'identity'. */
  readonly selector?: Selector;
  readonly runner: RunnerChoice;
  /** Most tokens of a sequence, if fewer than the model takes. */
  readonly maxLength?: number;
}

export class BlockModel implements NextTokenModel {
  /** `runner` has the step functions of the model for all lengths of blocks up to `maxLength`. */
  constructor(
    readonly maxLength: number,
    private readonly vocabSize: number,
    private readonly runner: Runner,
    private readonly feed: AdapterFeed,
  ) {}

  /** Nothing is compiled or read before it is needed. TensorFlow.js is loaded only to compile or to run eagerly. */
  static async create(options: BlockModelOptions): Promise<BlockModel> {
    const { model, modules, selector = 'identity', runner, maxLength } = options;
    const { config } = model;
    const limit = Math.min(maxLength ?? Infinity, config.maxPositionEmbeddings, longestBlock);
    const feed = new AdapterFeed(modules, selector);
    // A module may hold the factors of one adapter too, on which the graph does not depend.
    const layers = modules.map(({ path, r, scale, inFeatures, outFeatures }) => ({
      path,
      r,
      scale,
      inFeatures,
      outFeatures,
    }));
    const specs = blockLengths(limit).map(
      (length) => [programName(length), nextTokenSpec(model, length, feed.spec)] as const,
    );
    const load = async () =>
      (await import('#generation/next-token-program.js')).nextTokenProgram(config, modules, selector);
    const make = async (): Promise<Runner> => {
      if (runner.kind === 'eager') {
        const { EagerRunner } = await import('#runtime/eager-runner.js');
        const program = await load();
        const programs = Object.fromEntries(specs.map(([name, spec]) => [name, { program, spec }]));
        return new EagerRunner(programs, {}, readFrozenWeight, runner.backend);
      }
      const { kind: _, ...options } = runner;
      const { device, cacheFolder } = options;
      const programs = specs.map(([name, spec]) => {
        const compile = async () => {
          const { compileProgram } = await import('#runtime/compile.js');
          return compileProgram(await load(), spec, { device, recomputedBlocks: 0 }, cacheFolder);
        };
        return [name, { key: { program: 'next token', config, layers, spec, device }, compile }] as const;
      });
      return new CompiledRunner(Object.fromEntries(programs), {}, options);
    };
    return new BlockModel(limit, config.vocabSize, await make(), feed);
  }

  /** Throws `token_out_of_range`, and `adapter_layout_mismatch` for an adapter of another layout. */
  async logitsAfter(tokens: readonly number[], adapter: AdapterNumbers | undefined): Promise<Float32Array> {
    const stranger = tokens.find((token) => !(token >= 0 && token < this.vocabSize));
    if (stranger !== undefined) {
      throw new LowrankError(
        'token_out_of_range',
        `the token ${stranger} is not in the model's vocabulary of ${this.vocabSize}; tokenizer and model do not fit`,
        { details: { token: stranger, vocabSize: this.vocabSize } },
      );
    }
    const length = blockLengths(this.maxLength).find((length) => length >= tokens.length)!;
    const block = new Int32Array(length);
    block.set(tokens);
    const { logits } = await this.runner.run(programName(length), {
      data: {
        tokens: block,
        positions: Int32Array.from(block, (_, i) => i),
        segments: new Int32Array(length),
        row: Int32Array.of(tokens.length - 1),
        ...this.feed.inputs(adapter),
      },
    });
    return logits as Float32Array;
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}
