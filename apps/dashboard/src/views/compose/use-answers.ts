/** One prompt, answered by the base model, by each member alone, and by their sum. */
import { useEffect, useRef, useState } from 'react';
import type { ChatCompletionCreate, FinishReason } from '#contracts/http/completions.js';
import { completionsClient } from '../../api/completions.js';
import { keyOf, type Member, membersOf } from './compose-recipe.js';

/** Sliders have come to rest. */
const askAfterMs = 300;

export type Turn = ChatCompletionCreate['messages'][number] & { readonly content: string };

export interface Prompt {
  /** The conversation for a model that knows how to chat, otherwise the text to go on with. */
  readonly prompt: string | readonly Turn[];
  readonly maxTokens: number;
}

export interface Answer {
  readonly text: string;
  readonly state: 'waiting' | 'writing' | 'done';
  readonly finish: FinishReason | null;
  readonly error: Error | null;
}

export interface Answers {
  readonly base: Answer;
  /** In the order of the members. */
  readonly members: readonly Answer[];
  readonly composition: Answer;
}

const waiting: Answer = { text: '', state: 'waiting', finish: null, error: null };
const baseKey = 'base';
const sumKey = 'sum';

/** What was said, and to what: the prompt as it was asked, model and members as text. */
interface Said {
  readonly asked: Prompt;
  readonly of: string;
  readonly answer: Answer;
}

type MemberIdentity = Pick<Member, 'id' | 'job'>;

/** Asks again for the sum alone when weights change; what base and members said stays. */
export function useAnswers(asked: Prompt | null, model: string, members: readonly Member[]): Answers | null {
  const [said, setSaid] = useState<ReadonlyMap<string, Said>>(new Map());
  const done = useRef<{ asked: Prompt | null; keys: Set<string> }>({ asked: null, keys: new Set() });
  const identities = JSON.stringify({ model, members: members.map(({ id, job }) => ({ id, job })) });
  const weighted = JSON.stringify({ model, members });

  useEffect(() => {
    if (asked === null) return;
    const stopping = new AbortController();
    if (done.current.asked !== asked) done.current = { asked, keys: new Set() };
    const { keys } = done.current;
    const askAlone = async () => {
      const { model: base, members: known } = JSON.parse(identities) as Asked<MemberIdentity>;
      for (const [i, key] of [baseKey, ...known.map(keyOf)].entries()) {
        if (keys.has(key)) continue;
        // The server keeps one session for one list of members: only weights differ.
        const alone = known.map((member, k) => ({ ...member, weight: k + 1 === i ? 1 : 0 }));
        for await (const answer of answersOf(asked, { model: base, members: alone }, stopping.signal)) {
          setSaid((old) => new Map(old).set(key, { asked, of: identities, answer }));
        }
        if (stopping.signal.aborted) return;
        keys.add(key);
      }
    };
    void askAlone();
    return () => stopping.abort();
  }, [asked, identities]);

  useEffect(() => {
    if (asked === null) return;
    const stopping = new AbortController();
    const askForSum = async () => {
      const all = JSON.parse(weighted) as Asked<Member>;
      for await (const answer of answersOf(asked, all, stopping.signal)) {
        setSaid((old) => new Map(old).set(sumKey, { asked, of: weighted, answer }));
      }
    };
    const timer = setTimeout(() => void askForSum(), askAfterMs);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [asked, weighted]);

  if (asked === null) return null;
  const of = (key: string): Answer => {
    const found = said.get(key);
    return found?.asked === asked ? found.answer : waiting;
  };
  const sum = of(sumKey);
  const isOld = said.get(sumKey)?.of !== weighted;
  return {
    base: of(baseKey),
    members: members.map((member) => of(keyOf(member))),
    composition: isOld ? { ...sum, state: 'waiting', error: null } : sum,
  };
}

interface Asked<M> {
  /** The base model. */
  readonly model: string;
  readonly members: readonly M[];
}

/** The answer as it grows; nothing more once the signal has aborted. */
async function* answersOf(
  { prompt, maxTokens }: Prompt,
  { model, members }: Asked<Member>,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  let text = '';
  try {
    const shared = { model, members: membersOf(members), max_tokens: maxTokens, temperature: 0 };
    const body = typeof prompt === 'string' ? { ...shared, prompt } : { ...shared, messages: [...prompt] };
    const pieces = completionsClient.answer(body, { signal });
    for (;;) {
      const { done, value } = await pieces.next();
      if (signal.aborted) return;
      if (done) return yield { text, state: 'done', finish: value, error: null };
      text += value;
      yield { text, state: 'writing', finish: null, error: null };
    }
  } catch (error) {
    if (!signal.aborted) yield { text, state: 'done', finish: null, error: error as Error };
  }
}
