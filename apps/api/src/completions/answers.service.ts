import { Inject, Injectable } from '@nestjs/common';
import type { GeneratedAnswer, GeneratorTask } from '#contracts/generator-calls.js';
import { BaseModels } from '../models/base-models.js';
import { PrometheusService } from '../prometheus/prometheus.service.js';
import { Generators, type Place } from './generators.service.js';
import { MemberFilesService } from './member-files.service.js';
import { TextChannel } from './text-channel.js';
import type { WantedModel } from './wanted-models.service.js';

/** A prompt, and how its answer is chosen. */
export type Question = Pick<
  GeneratorTask,
  'prompt' | 'max_tokens' | 'temperature' | 'top_p' | 'seed' | 'stop'
>;

/** Answers of models, as they come. */
@Injectable()
export class AnswersService {
  constructor(
    @Inject(BaseModels) private readonly bases: BaseModels,
    @Inject(MemberFilesService) private readonly files: MemberFilesService,
    @Inject(Generators) private readonly generators: Generators,
    @Inject(PrometheusService) private readonly prometheus: PrometheusService,
  ) {}

  /**
   * Begins to answer. The channel fails with what `Generators` and `MemberFilesService` throw, and with the signal's
   * reason, which ends the work at the next token.
   */
  begin(model: WantedModel, question: Question, signal: AbortSignal): TextChannel<GeneratedAnswer> {
    return new TextChannel(async (onText) => {
      using place = this.generators.enter();
      return await this.measured(signal, () => this.answer(model, question, place, { signal, onText }));
    });
  }

  private async answer(
    { base, members }: WantedModel,
    question: Question,
    place: Place,
    hooks: { readonly signal: AbortSignal; readonly onText: (text: string) => void },
  ): Promise<GeneratedAnswer> {
    using taken = await this.files.take(members, hooks.signal);
    const { folder, identity } = base;
    const verified = await this.bases.isUnchanged(base);
    return await place.answer(
      {
        ...question,
        base: { folder, identity, verified },
        members: members.map(({ id, weight }, i) => ({ name: id, weight, ...taken.places[i]! })),
      },
      hooks,
    );
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
