/** Classes of texts from a model with a classification head: texts in, probabilities out, with or without an adapter. */
import { LowrankError } from '#base/errors.js';
import type { FramedText } from '#data/text-frame.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { bucketLengths } from '#generation/bucket-model.js';
import { ClassRunner, type ClassRunnerOptions } from '#generation/class-runner.js';
import type { ProgramSpec } from '#jit/trace.js';
import { textClassifier } from '#models/abilities.js';
import { lastToken, type TextClassifier } from '#models/classifier.js';

const purpose = 'classifying texts';

/** Attention over all pairs of tokens: beyond this the masks take more than a gigabyte. */
const longestText = 16_384;

export interface ClassModelOptions extends ClassRunnerOptions {
  readonly tokenizer: Tokenizer;
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

export class ClassModel {
  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly classifier: TextClassifier,
    private readonly lengths: readonly number[],
    private readonly runner: ClassRunner,
  ) {}

  /**
   * Nothing is compiled or read before it is needed. Throws UnsupportedError for a model that classifies no texts, and the
   * errors of `ClassRunner.create`.
   */
  static create({ tokenizer, ...options }: ClassModelOptions): ClassModel {
    const classifier = textClassifier(options.model.tree, purpose);
    const lengths = bucketLengths(Math.min(classifier.config.maxPositionEmbeddings, longestText));
    const specs = lengths.map((length) => [programName(length), specOf(length)] as const);
    const runner = ClassRunner.create(options, Object.fromEntries(specs));
    return new ClassModel(tokenizer, classifier, lengths, runner);
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
    const { ids, types } = this.tokenizer.encodeFramed(input.text, input.pair);
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
    const inputs = this.inputsOf({ ids, types }, length);
    const probabilities = await this.runner.probabilities(programName(length), inputs, weights);
    return { probabilities, tokens: ids.length };
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
