import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';
import type { ClassifiedInputs, ClassifierInput } from '#contracts/generator-calls.js';
import type { Classification, ClassificationRequest, Classified } from '#contracts/http/classifications.js';
import { AnswersService } from '../completions/answers.service.js';
import { refusalOf } from '../completions/generation-refusal.js';
import { WantedModels } from '../completions/wanted-models.service.js';
import { closingOf } from '../http/closing.js';

/** Classifies texts and images by base models, adapters, checkpoints and unsaved compositions. */
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
    const inputs = [input].flat();
    try {
      return viewOf(name, await this.answers.classify(model, inputs.map(taskInput), signal));
    } catch (error) {
      throw refusalOf(error, {
        prompt: 'input',
        isList: Array.isArray(input),
        adapters: members ? 'members' : 'model',
      });
    }
  }
}

function taskInput(input: Classified): ClassifierInput {
  if (typeof input === 'string') return { text: input, pair: null };
  if ('text' in input) return { text: input.text, pair: input.text_pair ?? null };
  return { image: 'image' in input ? input.image : input.image_url.url };
}

function viewOf(model: string, { labels, results }: ClassifiedInputs): Classification {
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
