/** What a request says of how its answers are chosen, as the process that answers takes it. */
import { randomInt } from 'node:crypto';
import type { GeneratorTask } from '#contracts/generator-calls.js';
import type { ChatCompletionRequest, CompletionRequest } from '#contracts/http/completions.js';

/** Everything of a question but the prompt. */
export type Choosing = Omit<GeneratorTask, 'base' | 'members' | 'prompt' | 'request' | 'max_tokens'>;

/** The seed counts modulo 2^32. */
const seeds = 2 ** 32;

/** What both kinds of requests say. What says nothing is left out, so that answers without it cost nothing for it. */
export function choosingOf({
  temperature,
  top_p,
  seed,
  stop,
  frequency_penalty: frequency,
  presence_penalty: presence,
  logit_bias: bias,
}: ChatCompletionRequest | CompletionRequest): Choosing {
  return {
    temperature: temperature ?? 1,
    // A share of 0 leaves the likeliest token alone.
    top_p: top_p === 0 ? Number.EPSILON : (top_p ?? 1),
    seed: soundSeed(seed ?? randomInt(seeds)),
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
    ...(frequency ? { frequency_penalty: frequency } : {}),
    ...(presence ? { presence_penalty: presence } : {}),
    ...(bias && Object.keys(bias).length > 0 ? { logit_bias: bias } : {}),
  };
}

/** What chats say beside that. */
export function chatChoosingOf(
  request: ChatCompletionRequest,
): Pick<Choosing, 'logprobs' | 'tools' | 'must_call' | 'format'> {
  const { logprobs, top_logprobs: top, response_format: format } = request;
  return {
    ...(logprobs === true ? { logprobs: top ?? 0 } : {}),
    ...toolsOf(request),
    ...(format?.type === 'json_object' ? { format: {} } : {}),
    ...(format?.type === 'json_schema' ? { format: { schema: format.json_schema.schema } } : {}),
  };
}

function toolsOf({
  tools,
  tool_choice: choice,
}: ChatCompletionRequest): Pick<Choosing, 'tools' | 'must_call'> {
  if (!tools || tools.length === 0 || choice === 'none') return {};
  const shown = tools.map(shownTool);
  if (choice === 'required') return { tools: shown, must_call: true };
  if (typeof choice !== 'object' || choice === null) return { tools: shown };
  const { name } = choice.function;
  return { tools: shown.filter((tool) => tool.function.name === name), must_call: true };
}

/** As templates know tools: what is not said is not there. */
function shownTool({
  type,
  function: { name, description, parameters },
}: NonNullable<ChatCompletionRequest['tools']>[number]): NonNullable<Choosing['tools']>[number] {
  const said = Object.entries({ name, description, parameters }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return { type, function: Object.fromEntries(said) as { name: string } };
}

function soundSeed(seed: number): number {
  return Number.isSafeInteger(seed) ? seed : Number(BigInt.asUintN(32, BigInt(seed)));
}
