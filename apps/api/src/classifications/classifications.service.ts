import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { ClassifiedTexts } from '#contracts/generator-calls.js';
import type { Classification, ClassificationRequest } from '#contracts/http/classifications.js';
import { AnswersService } from '../completions/answers.service.js';
import { refusalOf } from '../completions/generation-refusal.js';
import { WantedModels } from '../completions/wanted-models.service.js';
import { closingOf } from '../http/closing.js';

/** Classifies texts by base models, adapters, checkpoints and unsaved compositions. */
@Injectable()
export class ClassificationsService {
  constructor(
    @Inject(WantedModels) private readonly models: WantedModels,
    @Inject(AnswersService) private readonly answers: AnswersService,
  ) {}

  async classify(
    projectId: string,
    { model: name, input, members }: ClassificationRequest,
    response: Response,
  ): Promise<Classification> {
    const signal = closingOf(response);
    const model = await this.models.find(projectId, name, members ?? []);
    const inputs = [input].flat().map((one) => (typeof one === 'string' ? { text: one } : one));
    try {
      const found = await this.answers.classify(
        model,
        inputs.map(({ text, text_pair: pair = null }) => ({ text, pair })),
        signal,
      );
      return viewOf(name, found);
    } catch (error) {
      throw refusalOf(error, { prompt: 'input', adapters: members ? 'members' : 'model' });
    }
  }
}

function viewOf(model: string, { labels, results }: ClassifiedTexts): Classification {
  const tokens = results.reduce((sum, result) => sum + result.tokens, 0);
  return {
    id: `class-${randomUUID()}`,
    object: 'classification',
    created: Math.floor(Date.now() / 1000),
    model,
    results: results.map(({ probabilities }, index) => ({
      index,
      label: labels[probabilities.indexOf(Math.max(...probabilities))]!,
      probabilities: probabilities.map((probability, id) => ({ label: labels[id]!, probability })),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
