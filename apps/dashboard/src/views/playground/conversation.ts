/** What was asked and answered, and what is sent for it. */
import type { ChatCompletionCreate, CompletionCreate, FinishReason } from '#contracts/http/completions.js';
import { modelOf, type Target } from './targets.js';

export type Mode = 'chat' | 'text';

/** Fields as they stand in the form. */
export interface Settings {
  readonly system: string;
  readonly temperature: number;
  readonly topP: number;
  /** Most tokens of an answer; empty for as many as there is room for. */
  readonly length: string;
  /** Empty for another answer each time. */
  readonly seed: string;
  /** A text a line. */
  readonly stop: string;
  /** A JSON schema that answers keep to; empty for none. Chats alone have it. */
  readonly schema: string;
  /** Whether answers come with the probabilities of their tokens. */
  readonly showsTokens: boolean;
}

/** A token with its log-probability, and the likeliest ones in its place. */
export interface ScoredToken {
  readonly text: string;
  readonly logprob: number;
  readonly top: readonly { readonly text: string; readonly logprob: number }[];
}

export const usualSettings: Settings = {
  system: '',
  temperature: 0.7,
  topP: 1,
  length: '256',
  seed: '',
  stop: '',
  schema: '',
  showsTokens: false,
};

export interface Stats {
  readonly tokens: number | null;
  readonly seconds: number;
  /** Until the first piece came. */
  readonly firstSeconds: number | null;
}

export interface Question {
  readonly role: 'user';
  readonly content: string;
}

export interface Answer {
  readonly role: 'assistant';
  readonly content: string;
  readonly state: 'waiting' | 'writing' | 'done';
  /** `stopped` where the reader ended it. */
  readonly finish: FinishReason | 'stopped' | null;
  readonly error: string | null;
  readonly stats: Stats | null;
  /** Left out where nobody asked for them. */
  readonly tokens?: readonly ScoredToken[];
}

export type Turn = Question | Answer;

export const noAnswer: Answer = {
  role: 'assistant',
  content: '',
  state: 'waiting',
  finish: null,
  error: null,
  stats: null,
};

const isWhole = (text: string) => /^[+-]?\d+$/.test(text.trim());

/** What is wrong with the form, by field. */
export function mistakesOf({ length, seed, stop, schema }: Settings) {
  const isLength = length.trim() === '' || (isWhole(length) && Number(length) >= 1);
  return {
    length: isLength ? undefined : 'Give a whole number of 1 or more.',
    seed: seed.trim() === '' || isWhole(seed) ? undefined : 'Give a whole number.',
    stop: stopsOf(stop).length <= maxStops ? undefined : `Give ${maxStops} texts at most.`,
    schema: schema.trim() === '' || schemaOf(schema) !== null ? undefined : 'Give a JSON object.',
  };
}

/** A JSON schema; null for what is none. */
function schemaOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Tokens that are shown beside the one that was taken. */
const topTokens = 3;

const maxStops = 4;

/** Stop texts, in which `\n` stands for a line break. */
export const stopsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(String.raw`\n`, '\n').replaceAll(String.raw`\t`, '\t'));

/** The request for the answer to the turns. `base` is the base model of the target's members. */
export function requestOf(
  mode: Mode,
  target: Target,
  base: string,
  settings: Settings,
  turns: readonly Turn[],
): ChatCompletionCreate | CompletionCreate {
  const stop = stopsOf(settings.stop);
  const sampling = {
    ...(settings.length.trim() !== '' && { max_tokens: Number(settings.length) }),
    temperature: settings.temperature,
    top_p: settings.topP,
    ...(settings.seed.trim() !== '' && { seed: Number(settings.seed) }),
    ...(stop.length > 0 && { stop }),
  };
  const shared = modelOf(target, base);
  const { system, schema: schemaText, showsTokens } = settings;
  if (mode === 'text')
    return { ...shared, prompt: promptOf(turns), ...sampling, ...(showsTokens && { logprobs: topTokens }) };
  const schema = schemaOf(schemaText);
  return {
    ...shared,
    messages: messagesOf(system, turns),
    ...sampling,
    ...(schema !== null && {
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
    }),
    ...(showsTokens && { logprobs: true, top_logprobs: topTokens }),
  };
}

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A conversation; an empty system prompt is none. */
export function messagesOf(system: string, turns: readonly Turn[]): Message[] {
  const said = turns.map(({ role, content }) => ({ role, content }));
  return system.trim() === '' ? said : [{ role: 'system', content: system }, ...said];
}

const promptOf = (turns: readonly Turn[]) => turns.findLast(({ role }) => role === 'user')?.content ?? '';

/** A row of training data that teaches an answer to the turns before it. */
export function rowOf(mode: Mode, system: string, before: readonly Turn[], answer: string): object {
  return mode === 'chat'
    ? { messages: [...messagesOf(system, before), { role: 'assistant', content: answer }] }
    : { prompt: promptOf(before), completion: answer };
}

/** Such as `42 tokens, 31 tokens/s, first after 0.2 s`. */
export function statsText({ tokens, seconds, firstSeconds }: Stats): string {
  const writing = seconds - (firstSeconds ?? 0);
  const parts = [
    ...(tokens === null ? [] : [`${tokens} ${tokens === 1 ? 'token' : 'tokens'}`]),
    // The first token is what was waited for; the rate is that of those after it.
    ...(tokens !== null && tokens > 1 && writing > 0
      ? [`${Number(((tokens - 1) / writing).toPrecision(3))} tokens/s`]
      : [`${seconds.toFixed(1)} s`]),
    ...(firstSeconds === null ? [] : [`first after ${firstSeconds.toFixed(2)} s`]),
  ];
  return parts.join(', ');
}
