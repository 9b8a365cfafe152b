import { Inject, Injectable } from '@nestjs/common';
import type {
  AnswerUpdate,
  ClassifiedInputs,
  ClassifierTask,
  GeneratedAnswer,
  GeneratorTask,
  ScoredText,
} from '#contracts/generator-calls.js';
import { MemberFiles } from '#jobs/member-files.js';
import { BaseModels } from '../models/base-models.js';
import { PrometheusService } from '../prometheus/prometheus.service.js';
import { Generators } from './generators.service.js';
import { PieceChannel } from './piece-channel.js';
import type { WantedModel } from './wanted-models.service.js';

/** A prompt, and how its answer is chosen. */
export type Question = Omit<GeneratorTask, 'base' | 'members'>;

/** More of the answer to one of the questions, its end, or before it what of the question the model does not see. */
export type AnswerPiece =
  | { readonly index: number; readonly hidden: readonly string[] }
  | { readonly index: number; readonly text: string; readonly tokens?: readonly ScoredText[] }
  | { readonly index: number; readonly answer: GeneratedAnswer };

export type AnswerChannel = PieceChannel<AnswerPiece, readonly GeneratedAnswer[]>;

/** What all answers of a request share. */
type Shared = Pick<GeneratorTask, 'base' | 'members'>;

/** Answers of models, as they come. */
@Injectable()
export class AnswersService {
  constructor(
    @Inject(BaseModels) private readonly bases: BaseModels,
    @Inject(MemberFiles) private readonly files: MemberFiles,
    @Inject(Generators) private readonly generators: Generators,
    @Inject(PrometheusService) private readonly prometheus: PrometheusService,
  ) {}

  /**
   * Begins to answer, one question after the other: many of them take one place in the queue, as one does. The channel
   * fails with what `Generators` and `MemberFiles` throw, and with the signal's reason, which ends the work at the
   * next token.
   */
  begin(model: WantedModel, questions: readonly Question[], signal: AbortSignal): AnswerChannel {
    return new PieceChannel(async (onPiece: (piece: AnswerPiece) => void) => {
      using place = this.generators.enter();
      const answers: GeneratedAnswer[] = [];
      const ask = async (shared: Shared, question: Question) => {
        const index = answers.length;
        const onUpdate = (update: AnswerUpdate) =>
          onPiece(typeof update === 'string' ? { index, text: update } : { index, ...update });
        const hooks = { signal, onUpdate };
        const answer = await this.measured(signal, () => place.answer({ ...question, ...shared }, hooks));
        answers.push(answer);
        onPiece({ index, answer });
      };
      await this.withFiles(model, signal, async (shared) => {
        for (const question of questions) await ask(shared, question);
      });
      return answers;
    });
  }

  /** Classifies texts and images in one place of the queue. Throws as the channel of `begin` fails. */
  async classify(
    model: WantedModel,
    inputs: ClassifierTask['inputs'],
    signal: AbortSignal,
  ): Promise<ClassifiedInputs> {
    using place = this.generators.enter();
    return await this.withFiles(model, signal, (shared) => place.classify({ ...shared, inputs }, signal));
  }

  private async withFiles<T>(
    { base, members }: WantedModel,
    signal: AbortSignal,
    work: (shared: Shared) => Promise<T>,
  ): Promise<T> {
    using taken = await this.files.take(members, signal);
    const { folder, identity } = base;
    const verified = await this.bases.isUnchanged(base);
    return await work({
      base: { folder, identity, verified, precision: base.precision },
      members: [...taken.folders],
    });
  }

  private async measured(
    signal: AbortSignal,
    work: () => Promise<GeneratedAnswer>,
  ): Promise<GeneratedAnswer> {
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1000;
    try {
      const answer = await work();
      const { finish_reason: end, prompt_tokens: promptTokens, completion_tokens: completionTokens } = answer;
      this.prometheus.observeAnswer({ end, seconds: seconds(), promptTokens, completionTokens });
      return answer;
    } catch (error) {
      const end = signal.aborted ? 'cancelled' : 'failed';
      this.prometheus.observeAnswer({ end, seconds: seconds(), promptTokens: 0, completionTokens: 0 });
      throw error;
    }
  }
}
