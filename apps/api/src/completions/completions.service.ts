import { randomInt } from 'node:crypto';
import { Readable } from 'node:stream';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { GeneratedAnswer } from '#contracts/generator-calls.js';
import type {
  ChatCompletion,
  ChatCompletionRequest,
  CompletionRequest,
  TextCompletion,
} from '#contracts/http/completions.js';
import { hasChatTemplate } from '#data/template-sources.js';
import { openModelFolder } from '#models/model-folder.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, blaming } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { streamed } from '../http/streamed.js';
import { BaseModels } from '../models/base-models.js';
import { frame, heartbeat } from '../streams/sse.js';
import { PLATFORM } from '../tokens.js';
import { AnswersService, type Question } from './answers.service.js';
import { chatView, type CompletionView, textView } from './completion-view.js';
import { refusalOf } from './generation-refusal.js';
import type { TextChannel } from './text-channel.js';
import { type WantedModel, WantedModels } from './wanted-models.service.js';

/** How long a stream waits for its first text before it begins: until then an error has a status of its own. */
const patienceMs = 5_000;
const heartbeatMs = 15_000;
/** The seed counts modulo 2^32. */
const seeds = 2 ** 32;
/** OpenAI's, for texts without a bound of their own. */
const usualTextTokens = 16;

type Request = ChatCompletionRequest | CompletionRequest;

/** An answer under way, and how its client is to see it. */
interface Begun<Whole, Piece> {
  readonly channel: TextChannel<GeneratedAnswer>;
  readonly view: CompletionView<Whole, Piece>;
  readonly refused: (error: unknown) => unknown;
}

/** Answers prompts by base models, adapters, checkpoints and compositions that nobody has saved. */
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
    const model = await this.models.find(projectId, request.model, request.members);
    // Adapters learned conversations in the default template where the base has none of its own.
    if (model.members.length === 0) await this.requireChatTemplate(model.base);
    const prompt = request.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
    }));
    const longest = request.max_completion_tokens ?? request.max_tokens ?? null;
    const question = { ...choosing(request), prompt, max_tokens: longest };
    const begun = this.begin(model, request, question, signal);
    return this.send({ ...begun, view: chatView(viewOptions(request)) }, request, response);
  }

  async complete(
    projectId: string,
    request: CompletionRequest,
    response: Response,
  ): Promise<TextCompletion | StreamableFile> {
    const signal = closingOf(response);
    const model = await this.models.find(projectId, request.model, request.members);
    const { prompt, max_tokens: longest } = request;
    const question = { ...choosing(request), prompt, max_tokens: longest ?? usualTextTokens };
    const begun = this.begin(model, request, question, signal);
    return this.send({ ...begun, view: textView(viewOptions(request)) }, request, response);
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

  private begin(model: WantedModel, { members }: Request, question: Question, signal: AbortSignal) {
    const prompt = typeof question.prompt === 'string' ? 'prompt' : 'messages';
    const fields = { prompt, adapters: members ? 'members' : 'model' } as const;
    return {
      channel: this.answers.begin(model, question, signal),
      refused: (error: unknown) => refusalOf(error, fields),
    };
  }

  private async send<Whole, Piece>(
    begun: Begun<Whole, Piece>,
    { stream }: Request,
    response: Response,
  ): Promise<Whole | StreamableFile> {
    const { channel, view, refused } = begun;
    try {
      if (stream !== true) return view.whole(await channel.whole(), await channel.result);
      const first = await channel.next(patienceMs);
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
    { channel, view, refused }: Begun<unknown, Piece>,
    first: readonly string[] | undefined,
  ): AsyncGenerator<string> {
    const opening = view.opening();
    if (opening !== null) yield frame({ data: opening });
    try {
      for (let texts = first; texts !== undefined; texts = await channel.next(heartbeatMs)) {
        const frames = texts.map((text) => frame({ data: view.piece(text) }));
        yield frames.length === 0 ? heartbeat : frames.join('');
      }
      for (const piece of view.closing(await channel.result)) yield frame({ data: piece });
      yield 'data: [DONE]\n\n';
    } catch (error) {
      const { status, body } = answerFor(refused(error));
      if (status >= 500) this.platform.log.error({ err: error }, 'an answer broke off');
      yield frame({ data: body });
    }
  }
}

/** How the tokens of an answer are chosen, with OpenAI's defaults. */
function choosing({ temperature, top_p, seed, stop }: Request): Omit<Question, 'prompt' | 'max_tokens'> {
  return {
    temperature: temperature ?? 1,
    // A share of nothing is the likeliest token alone.
    top_p: top_p === 0 ? Number.EPSILON : (top_p ?? 1),
    seed: seed ?? randomInt(seeds),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
  };
}

function viewOptions({ model, stream_options }: Request) {
  return { model, includesUsage: stream_options?.include_usage === true };
}

/** Aborts when the client goes before its answer is whole. */
function closingOf(response: Response): AbortSignal {
  const abort = new AbortController();
  const close = () => {
    if (response.writableFinished) return;
    // 499, as proxies call it: nobody sees this answer.
    abort.abort(new ApiError('client_gone', 'the client closed the connection'));
  };
  response.once('close', close);
  if (response.closed) close();
  return abort.signal;
}
