import { Readable } from 'node:stream';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { GeneratedAnswer, ScoredText } from '#contracts/generator-calls.js';
import type {
  ChatCompletion,
  ChatCompletionRequest,
  CompletionRequest,
  CompletionUsage,
  TextCompletion,
} from '#contracts/http/completions.js';
import { hasChatTemplate } from '#data/template-sources.js';
import { openModelFolder } from '#models/model-folder.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, blaming } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { closingOf } from '../http/closing.js';
import { streamed } from '../http/streamed.js';
import { warnOfUnknownFields } from '../http/unknown-fields.js';
import { warn } from '../http/warning.js';
import { BaseModels } from '../models/base-models.js';
import { frame, heartbeat } from '../streams/sse.js';
import { PLATFORM } from '../tokens.js';
import { type AnswerChannel, type AnswerPiece, AnswersService, type Question } from './answers.service.js';
import { chatChoosingOf, choosingOf } from './choosing.js';
import {
  chatView,
  type CompletionView,
  textView,
  type ViewOptions,
  type WholeAnswer,
} from './completion-view.js';
import { refusalOf } from './generation-refusal.js';
import { conversationOf, promptsOf } from './prompts.js';
import { type WantedModel, WantedModels } from './wanted-models.service.js';

/** How long a stream waits for its first text before it begins: until then an error has a status of its own. */
const firstTextMs = 5_000;
const heartbeatMs = 15_000;
/** That one request may ask for: the same as OpenAI's bound on `n`. */
const maxAnswers = 128;
/** OpenAI's, for texts without a bound of their own. */
const defaultTextTokens = 16;

type Request = ChatCompletionRequest | CompletionRequest;

/** Answers under way, and how their client is to see them. */
interface Begun<Whole, Piece> {
  readonly channel: AnswerChannel;
  readonly view: CompletionView<Whole, Piece>;
  readonly questions: readonly Question[];
  readonly refused: (error: unknown) => unknown;
}

/** Answers prompts by base models, adapters, checkpoints and unsaved compositions. */
@Injectable()
export class CompletionsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(WantedModels) private readonly models: WantedModels,
    @Inject(BaseModels) private readonly bases: BaseModels,
    @Inject(AnswersService) private readonly answers: AnswersService,
  ) {}

  async chat(
    projectId: string,
    request: ChatCompletionRequest,
    response: Response,
  ): Promise<ChatCompletion | StreamableFile> {
    const signal = closingOf(response);
    warnOfUnknownFields(request, response);
    const model = await this.models.find(projectId, request.model, request.members ?? []);
    // Adapters learned conversations in the default template where the base has none of its own.
    if (model.members.length === 0) await this.requireChatTemplate(model.base);
    const longest = request.max_completion_tokens ?? request.max_tokens ?? null;
    const choosing = { ...choosingOf(request), ...chatChoosingOf(request) };
    const questions = questionsOf([conversationOf(request.messages)], request.n, {
      ...choosing,
      max_tokens: longest,
    });
    const begun = this.begin(model, request, { prompt: 'messages', questions }, signal);
    const view = chatView({
      ...viewOptions(request, model),
      namesTier: typeof request.service_tier === 'string',
      isOneCall: request.parallel_tool_calls === false,
    });
    return this.send({ ...begun, view }, request, response);
  }

  async complete(
    projectId: string,
    request: CompletionRequest,
    response: Response,
  ): Promise<TextCompletion | StreamableFile> {
    const signal = closingOf(response);
    warnOfUnknownFields(request, response);
    const model = await this.models.find(projectId, request.model, request.members ?? []);
    const longest = request.max_tokens ?? defaultTextTokens;
    const { logprobs } = request;
    const choosing = { ...choosingOf(request), ...(typeof logprobs === 'number' ? { logprobs } : {}) };
    const questions = questionsOf(promptsOf(request.prompt), request.n, { ...choosing, max_tokens: longest });
    const begun = this.begin(model, request, { prompt: 'prompt', questions }, signal);
    return this.send(
      { ...begun, view: textView({ ...viewOptions(request, model), hasTop: (logprobs ?? 0) > 0 }) },
      request,
      response,
    );
  }

  private async requireChatTemplate(base: BaseModel): Promise<void> {
    if (await this.bases.hasChatTemplate(base)) return;
    // A folder that cannot be read says more than that.
    await blaming('model', async () => {
      await openModelFolder(base.folder, { tokenizer: 'required' });
      await hasChatTemplate(base.folder);
    });
    const message = `model: ${base.name} has no chat template, so there is no way to show it a conversation: ask it with POST /v1/completions`;
    throw new ApiError('chat_template_missing', message, { param: 'model' });
  }

  private begin(
    model: WantedModel,
    { members }: Request,
    { prompt, questions }: { prompt: 'messages' | 'prompt'; questions: readonly Question[] },
    signal: AbortSignal,
  ) {
    const fields = { prompt, adapters: members ? 'members' : 'model' } as const;
    return {
      channel: this.answers.begin(model, questions, signal),
      questions,
      refused: (error: unknown) => refusalOf(error, fields),
    };
  }

  private async send<Whole, Piece>(
    begun: Begun<Whole, Piece>,
    { stream }: Request,
    response: Response,
  ): Promise<Whole | StreamableFile> {
    const { channel, view, questions, refused } = begun;
    try {
      if (stream !== true) {
        const pieces = await channel.whole();
        warnOfHidden(pieces, response);
        const answers = await channel.result;
        return view.whole(wholeAnswers(pieces, answers), usageOf(questions, answers));
      }
      const first = await channel.next(firstTextMs);
      warnOfHidden(first, response);
      response.setHeader('cache-control', 'no-store, no-transform');
      // nginx holds answers back unless told not to.
      response.setHeader('x-accel-buffering', 'no');
      return streamed(Readable.from(this.frames(begun, first), { objectMode: false }), this.platform.log, {
        type: 'text/event-stream; charset=utf-8',
      });
    } catch (error) {
      throw refused(error);
    }
  }

  /** The stream's text. What goes wrong now is a piece of it: the status has gone out. */
  private async *frames<Piece>(
    { channel, view, questions, refused }: Begun<unknown, Piece>,
    first: readonly AnswerPiece[] | undefined,
  ): AsyncGenerator<string> {
    for (const index of questions.keys()) {
      const opening = view.opening(index);
      if (opening !== null) yield frame({ data: opening });
    }
    try {
      for (let pieces = first; pieces !== undefined; pieces = await channel.next(heartbeatMs)) {
        const frames = pieces.flatMap((piece) => {
          if ('hidden' in piece) return [];
          if ('text' in piece) return frame({ data: view.piece(piece.index, piece) });
          return view.closing(piece.index, piece.answer).map((data) => frame({ data }));
        });
        yield frames.length === 0 ? heartbeat : frames.join('');
      }
      const counts = view.counts(usageOf(questions, await channel.result));
      if (counts !== null) yield frame({ data: counts });
      yield 'data: [DONE]\n\n';
    } catch (error) {
      const { status, body } = answerFor(refused(error));
      if (status >= 500) this.platform.log.error({ err: error }, 'an answer broke off');
      yield frame({ data: body });
    }
  }
}

/** A question for each answer that is wanted: `n` to each prompt, told apart under one seed. */
function questionsOf(
  prompts: readonly Question['prompt'][],
  n: Request['n'],
  choosing: Omit<Question, 'prompt' | 'request'>,
): Question[] {
  const count = n ?? 1;
  if (prompts.length * count > maxAnswers) {
    const message = `n: ${count} answers to each of ${prompts.length} prompts are more than the ${maxAnswers} that one request may ask for`;
    throw new ApiError('invalid_request', message, { param: 'n' });
  }
  return prompts.flatMap((prompt) =>
    Array.from({ length: count }, (_, request) => ({ ...choosing, prompt, request })),
  );
}

/** What of a conversation the model does not see. */
function warnOfHidden(pieces: readonly AnswerPiece[] | undefined, response: Response): void {
  const found = pieces?.find((piece) => 'hidden' in piece);
  if (found) warn(response, "not shown by the model's chat template", found.hidden);
}

function wholeAnswers(pieces: readonly AnswerPiece[], answers: readonly GeneratedAnswer[]): WholeAnswer[] {
  const own = answers.map(() => ({ text: '', tokens: undefined as ScoredText[] | undefined }));
  for (const piece of pieces) {
    if (!('text' in piece)) continue;
    const { text, tokens } = piece;
    const one = own[piece.index]!;
    one.text += text;
    if (tokens) (one.tokens ??= []).push(...tokens);
  }
  return answers.map((answer, index) => ({ ...own[index]!, answer }));
}

/** A prompt counts once, however many answers it has. */
function usageOf(questions: readonly Question[], answers: readonly GeneratedAnswer[]): CompletionUsage {
  const firsts = answers.filter((_, index) => questions[index]!.request === 0);
  const prompt_tokens = firsts.reduce((sum, answer) => sum + answer.prompt_tokens, 0);
  const completion_tokens = answers.reduce((sum, answer) => sum + answer.completion_tokens, 0);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function viewOptions({ model, stream_options: options }: Request, { base }: WantedModel): ViewOptions {
  return {
    model,
    precision: base.precision,
    includesUsage: options?.include_usage === true,
    isObfuscated: options?.include_obfuscation === true,
  };
}
