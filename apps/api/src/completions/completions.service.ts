import { randomInt } from 'node:crypto';
import { Readable } from 'node:stream';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { Response } from 'express';
import type { GeneratedAnswer, GeneratorTask } from '#contracts/generator-messages.js';
import type {
  ChatCompletion,
  ChatCompletionRequest,
  CompletionRequest,
  TextCompletion,
} from '#contracts/http/completions.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { streamed } from '../http/streamed.js';
import { BaseModels } from '../models/base-models.js';
import { frame, heartbeat } from '../streams/sse.js';
import { PLATFORM } from '../tokens.js';
import { chatView, type CompletionView, textView } from './completion-view.js';
import { refusalOf } from './generation-refusal.js';
import { Generators, type Place } from './generators.service.js';
import { MemberFilesService } from './member-files.service.js';
import { TextChannel } from './text-channel.js';
import { type WantedModel, WantedModels } from './wanted-models.service.js';

/** How long a stream waits for its first text before it begins: until then an error has a status of its own. */
const patienceMs = 5_000;
const heartbeatMs = 15_000;
/** The seed counts modulo 2^32. */
const seeds = 2 ** 32;
/** OpenAI's, for texts without a bound of their own. */
const usualTextTokens = 16;

type Request = ChatCompletionRequest | CompletionRequest;
type Prompt = GeneratorTask['prompt'];

/** Answers prompts by base models, adapters, checkpoints and compositions that nobody has saved. */
@Injectable()
export class CompletionsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(WantedModels) private readonly models: WantedModels,
    @Inject(BaseModels) private readonly bases: BaseModels,
    @Inject(MemberFilesService) private readonly files: MemberFilesService,
    @Inject(Generators) private readonly generators: Generators,
  ) {}

  async chat(
    projectId: string,
    request: ChatCompletionRequest,
    response: Response,
  ): Promise<ChatCompletion | StreamableFile> {
    const model = await this.models.find(projectId, request.model, request.members);
    if (!(await this.bases.hasChatTemplate(model.base))) {
      const message = `model: ${model.base.name} has no chat template, so there is no way to show it a conversation: ask it with POST /v1/completions`;
      throw new ApiError(400, 'chat_template_missing', message, { param: 'model' });
    }
    const prompt = request.messages.map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
    }));
    const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? null;
    return this.answer(model, request, { prompt, maxTokens, view: chatView(viewOptions(request)) }, response);
  }

  async complete(
    projectId: string,
    request: CompletionRequest,
    response: Response,
  ): Promise<TextCompletion | StreamableFile> {
    const model = await this.models.find(projectId, request.model, request.members);
    const maxTokens = request.max_tokens ?? usualTextTokens;
    const { prompt } = request;
    return this.answer(model, request, { prompt, maxTokens, view: textView(viewOptions(request)) }, response);
  }

  private async answer<Whole, Piece>(
    model: WantedModel,
    request: Request,
    {
      prompt,
      maxTokens,
      view,
    }: { prompt: Prompt; maxTokens: number | null; view: CompletionView<Whole, Piece> },
    response: Response,
  ): Promise<Whole | StreamableFile> {
    const signal = closingOf(response);
    const channel = new TextChannel(async (onText) => {
      using place = this.generators.enter();
      return await this.generate({ model, request, prompt, maxTokens }, place, { signal, onText });
    });
    const refused = (error: unknown) => refusalOf(error, typeof prompt === 'string' ? 'prompt' : 'messages');
    try {
      if (request.stream !== true) {
        let text = '';
        for (let more = await channel.next(heartbeatMs); more !== undefined;) {
          text += more;
          more = await channel.next(heartbeatMs);
        }
        return view.whole(text, await channel.result);
      }
      const first = await channel.next(patienceMs);
      response.setHeader('cache-control', 'no-store, no-transform');
      // nginx holds answers back unless told not to.
      response.setHeader('x-accel-buffering', 'no');
      const frames = this.frames(channel, first, view, refused);
      return streamed(Readable.from(frames, { objectMode: false }), this.platform.log, {
        type: 'text/event-stream; charset=utf-8',
      });
    } catch (error) {
      throw refused(error);
    }
  }

  /** The stream's text. What goes wrong now is a piece of it: the status has gone out. */
  private async *frames<Piece>(
    channel: TextChannel<GeneratedAnswer>,
    first: string | undefined,
    view: CompletionView<unknown, Piece>,
    refused: (error: unknown) => unknown,
  ): AsyncGenerator<string> {
    const opening = view.opening();
    if (opening !== null) yield frame({ data: opening });
    try {
      for (let text = first; text !== undefined; text = await channel.next(heartbeatMs)) {
        yield text === '' ? heartbeat : frame({ data: view.piece(text) });
      }
      for (const piece of view.closing(await channel.result)) yield frame({ data: piece });
      yield 'data: [DONE]\n\n';
    } catch (error) {
      const { status, body } = answerFor(refused(error));
      if (status >= 500) this.platform.log.error({ err: error }, 'an answer broke off');
      yield frame({ data: body });
    }
  }

  private async generate(
    {
      model: { base, members },
      request,
      prompt,
      maxTokens,
    }: { model: WantedModel; request: Request; prompt: Prompt; maxTokens: number | null },
    place: Place,
    hooks: { signal: AbortSignal; onText: (text: string) => void },
  ): Promise<GeneratedAnswer> {
    using taken = await this.files.take(members, hooks.signal);
    const { folder, identity } = base;
    const { stop } = request;
    return await place.answer(
      {
        base: { folder, identity, verified: await this.bases.isUnchanged(base) },
        members: members.map(({ id, weight }, i) => ({ name: id, weight, ...taken.places[i]! })),
        prompt,
        max_tokens: maxTokens,
        temperature: request.temperature ?? 1,
        // A share of nothing is the likeliest token alone.
        top_p: request.top_p === 0 ? Number.EPSILON : (request.top_p ?? 1),
        seed: request.seed ?? randomInt(seeds),
        stop: typeof stop === 'string' ? [stop] : (stop ?? []),
      },
      hooks,
    );
  }
}

function viewOptions({ model, stream_options }: Request) {
  return { model, includesUsage: stream_options?.include_usage === true };
}

/** Aborts when the client goes before its answer is whole. */
function closingOf(response: Response): AbortSignal {
  const abort = new AbortController();
  response.once('close', () => {
    // 499, as proxies call it: nobody sees this answer.
    if (!response.writableFinished)
      abort.abort(new ApiError(499, 'client_gone', 'the client closed the connection'));
  });
  return abort.signal;
}
