/** One prompt, answered by the base model, by each member alone, and by their sum. */
import { useEffect, useRef, useState } from 'react';
import { type Finish, streamAnswer, type Turn } from '../../api/completion.js';
import type { RequestError } from '../../api/http.js';
import { keyOf, type Member, membersOf } from './compose-recipe.js';

/** Sliders have come to rest. */
const askAfterMs = 300;

export interface Prompt {
  readonly prompt: string | readonly Turn[];
  readonly maxTokens: number;
}

export interface Answer {
  readonly text: string;
  readonly state: 'waiting' | 'writing' | 'done';
  readonly finish: Finish;
  readonly error: RequestError | null;
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

/** Asks again for the sum alone when weights change; what base and members said stays. */
export function useAnswers(asked: Prompt | null, model: string, members: readonly Member[]): Answers | null {
  const [answers, setAnswers] = useState<ReadonlyMap<string, Answer>>(new Map());
  const known = useRef<{ readonly asked: Prompt | null; readonly keys: Set<string> }>({
    asked: null,
    keys: new Set(),
  });
  const keys = members.map(keyOf).join(' ');
  const weights = members.map(({ weight }) => weight).join(' ');

  const ask = async (key: string, weightsNow: readonly number[], signal: AbortSignal) => {
    if (asked === null) return;
    const tell = (answer: Answer) => {
      if (!signal.aborted) setAnswers((old) => new Map(old).set(key, answer));
    };
    let text = '';
    try {
      // The server keeps one session for one list of members: only weights differ.
      const weighed = membersOf(members.map((member, i) => ({ ...member, weight: weightsNow[i]! })));
      const pieces = streamAnswer({ model, members: weighed, ...asked }, signal);
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) return tell({ text, state: 'done', finish: value, error: null });
        text += value;
        tell({ text, state: 'writing', finish: null, error: null });
      }
    } catch (error) {
      tell({ text, state: 'done', finish: null, error: error as RequestError });
    }
  };

  useEffect(() => {
    if (asked === null) return setAnswers(new Map());
    const stopping = new AbortController();
    if (known.current.asked !== asked) {
      known.current = { asked, keys: new Set() };
      setAnswers(new Map());
    }
    const { keys: answered } = known.current;
    const askAlone = async () => {
      const rows = [baseKey, ...members.map(keyOf)];
      for (const [i, key] of rows.entries()) {
        if (answered.has(key)) continue;
        await ask(
          key,
          members.map((_, k) => (k + 1 === i ? 1 : 0)),
          stopping.signal,
        );
        if (stopping.signal.aborted) return;
        answered.add(key);
      }
    };
    void askAlone();
    return () => stopping.abort();
  }, [asked, model, keys]);

  useEffect(() => {
    if (asked === null) return;
    const stopping = new AbortController();
    setAnswers((old) =>
      new Map(old).set(sumKey, { ...(old.get(sumKey) ?? waiting), state: 'waiting', error: null }),
    );
    const timer = setTimeout(
      () =>
        void ask(
          sumKey,
          members.map(({ weight }) => weight),
          stopping.signal,
        ),
      askAfterMs,
    );
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [asked, model, keys, weights]);

  if (asked === null) return null;
  const of = (key: string) => answers.get(key) ?? waiting;
  return { base: of(baseKey), members: members.map((member) => of(keyOf(member))), composition: of(sumKey) };
}
