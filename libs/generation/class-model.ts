/** Classes of texts from a model with a classification head: texts in, probabilities out, with or without an adapter. */
import type { LiveComposition } from '#adapters/live-composition.js';
import { LowrankError } from '#base/errors.js';
import { listed } from '#base/quote.js';
import type { FramedText } from '#data/text-frame.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { AdapterFeed } from '#generation/adapter-feed.js';
import { bucketLengths, type RunnerChoice } from '#generation/bucket-model.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { layerKey, selectorLayout } from '#lora/adapter-layout.js';
import type { Selector } from '#lora/layer-run.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { textClassifier } from '#models/abilities.js';
import { classLogits } from '#models/class-logits.js';
import { lastToken, type TextClassifier } from '#models/classifier.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { splitFlat } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { Runner } from '#runtime/runner.js';

const purpose = 'classifying texts';

/** Attention over all pairs of tokens: beyond this the masks take more than a gigabyte. */
const longestText = 16_384;

export interface ClassModelOptions {
  readonly model: ModelFolder;
  readonly tokenizer: Tokenizer;
  /** Every text may have weights of its own. */
  readonly composition?: LiveComposition | undefined;
  readonly runner: RunnerChoice;
}

/** A text, or a pair of texts, to be classified. */
export interface ClassInput {
  readonly text: string;
  readonly pair?: string | undefined;
}

export interface ClassAnswer {
  /** Of every class, in the order of the model's labels; together 1. */
  readonly probabilities: readonly number[];
  /** Tokens that were read. */
  readonly tokens: number;
}

const programName = (length: number) => `classes of ${length}`;

function specOf(length: number): ProgramSpec['data'] {
  const ints = (...shape: number[]) => ({ shape, dtype: 'int32' as const });
  return {
    tokens: ints(length),
    positions: ints(length),
    segments: ints(1, length),
    tokenTypes: ints(length),
    pooledRows: ints(1),
  };
}

function programOf(model: ModelFolder, modules: readonly TargetModule[], selector: Selector): Program {
  const { model: tree } = createLoraModel(model.config, modules, 0, selector);
  const selectors = selectorLayout(modules);
  return ({ data, weights }) => {
    const split = data['selector'] ? splitFlat(data['selector'], selectors) : [];
    const own = new Map(split.map((part, i) => [selectors.entries[i]!.name, part]));
    tree.bindParameters(({ name }) => own.get(name) ?? data[name] ?? weights[name]!);
    return { outputs: { logits: classLogits(tree, data) }, state: {} };
  };
}

export class ClassModel {
  private constructor(
    private readonly options: Pick<ClassModelOptions, 'tokenizer' | 'composition'>,
    private readonly classifier: TextClassifier,
    private readonly lengths: readonly number[],
    private readonly runner: Runner,
    private readonly feed: AdapterFeed,
  ) {}

  /** Nothing is compiled or read before it is needed. Throws UnsupportedError for a model that classifies no texts. */
  static create(options: ClassModelOptions): ClassModel {
    const { model, composition, runner: choice } = options;
    const classifier = textClassifier(model.tree, purpose);
    const inUse = composition?.withWeights();
    const modules = inUse?.modules ?? [];
    requireTrained(model, modules);
    const selector: Selector = inUse?.selector ? 'diagonal' : 'identity';
    const lengths = bucketLengths(Math.min(classifier.config.maxPositionEmbeddings, longestText));
    const feed = new AdapterFeed(modules, selector);
    const weights = frozenWeights(model.parameters);
    const specs = lengths.map((length) => {
      const spec: ProgramSpec = {
        data: { ...specOf(length), ...feed.spec },
        scalars: [],
        state: {},
        weights,
      };
      return [programName(length), spec] as const;
    });
    const program = () => programOf(model, modules, selector);
    const runner =
      choice.kind === 'eager'
        ? new EagerRunner(
            Object.fromEntries(specs.map(([name, spec]) => [name, { program: program(), spec }])),
            {},
            readFrozenWeight,
            choice.backend,
          )
        : new CompiledRunner(
            Object.fromEntries(
              specs.map(([name, spec]) => {
                const { device, cacheFolder } = choice;
                const layers = modules.map(layerKey);
                const key = { program: 'classes', config: model.config, layers, spec, device };
                const compile = () =>
                  compileProgram(program(), spec, { device, recomputedSegments: 0 }, cacheFolder);
                return [name, { key, compile }];
              }),
            ),
            {},
            choice,
          );
    return new ClassModel(options, classifier, lengths, runner, feed);
  }

  /** Names of the classes. */
  get labels(): readonly string[] {
    return this.classifier.config.labels;
  }

  /**
   * Reads one text or pair. `weights` are those of the composition's members, default = those it was opened with.
   *
   * Throws LowrankError `prompt_empty` and `prompt_too_long`.
   */
  async classify(input: ClassInput, weights?: readonly number[]): Promise<ClassAnswer> {
    const { tokenizer, composition } = this.options;
    const { ids, types } = tokenizer.encodeFramed(input.text, input.pair);
    const longest = this.lengths.at(-1)!;
    if (ids.length === 0)
      throw new LowrankError('prompt_empty', 'the text has no tokens: give one with words');
    if (ids.length > longest) {
      throw new LowrankError(
        'prompt_too_long',
        `the text has ${ids.length} tokens, and the model reads at most ${longest}: shorten it`,
        { details: { tokens: ids.length, maxTokens: longest } },
      );
    }
    const length = this.lengths.find((length) => length >= ids.length)!;
    const { logits } = await this.runner.run(programName(length), {
      data: {
        ...this.inputsOf({ ids, types }, length),
        ...this.feed.inputs(composition?.withWeights(weights)),
      },
    });
    return { probabilities: softmax(logits as Float32Array), tokens: ids.length };
  }

  close(): Promise<void> {
    return this.runner.close();
  }

  private inputsOf({ ids, types }: FramedText, length: number): Record<string, Int32Array> {
    const { pools, tokenTypes, config } = this.classifier;
    const filled = (values: readonly number[]) => {
      const row = new Int32Array(length);
      row.set(values);
      return row;
    };
    return {
      tokens: filled(ids),
      positions: Int32Array.from({ length }, (_, i) => (i < ids.length ? i : 0)),
      segments: filled(ids.map(() => 1)),
      tokenTypes: filled(types.map((type) => Math.min(type, tokenTypes - 1))),
      pooledRows: Int32Array.of(pools === 'first' ? 0 : lastToken(ids, config.padTokenId)),
    };
  }
}

/** Throws LowrankError `head_untrained` for a model with weights that neither its files nor the adapter have. */
function requireTrained({ untrained }: ModelFolder, modules: readonly TargetModule[]): void {
  const replaced = new Set(modules.flatMap(({ tensors }) => tensors.map(({ replaces }) => replaces)));
  const missing = untrained.filter((name) => !replaced.has(name));
  if (missing.length === 0) return;
  throw new LowrankError(
    'head_untrained',
    `nobody has trained ${listed(missing)} of this model, so it cannot tell classes apart yet: train it with the method "classification", and ask the fine-tuned model`,
    { details: { missing } },
  );
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
