/** Sample answers: what a run needs of whoever can generate text. */
import type { ChatTemplate } from '#data/chat-template.js';
import type { Tokenizer } from '#data/tokenizer.js';
import type { TargetModule } from '#lora/target-module.js';
import type { ModelFolder } from '#models/model-folder.js';
import type { FlatLayout } from '#nn/flat-state.js';
import type { Sample } from '#training/metrics.js';
import type { SamplePrompt, TrainingDevice } from '#training/options.js';

/** Answers prompts with the model as an adapter makes it. */
export interface SampleWriter {
  /**
   * `parameters` are the adapter's numbers in the writer's layout; the same numbers give the same answers. Throws the
   * signal's reason when it aborts.
   */
  write(prompts: readonly SamplePrompt[], parameters: Float32Array, signal?: AbortSignal): Promise<Sample[]>;
  close(): Promise<void>;
}

/** What a sample writer is made from. */
export interface SampleContext {
  readonly base: ModelFolder;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly modules: readonly TargetModule[];
  readonly layout: FlatLayout;
  readonly device: TrainingDevice;
  /** The TensorFlow.js backend of an eager device. */
  readonly backend: string | undefined;
  readonly threads: number;
  readonly seed: number;
  readonly maxTokens: number;
  /** 0 = always the likeliest token. */
  readonly temperature: number;
  readonly cacheFolder: string;
}

export type OpenSampleWriter = (context: SampleContext) => Promise<SampleWriter>;
