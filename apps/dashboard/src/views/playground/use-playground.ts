/** The conversations of the playground: one prompt asked of every column, answers that grow side by side. */
import { useEffect, useRef, useState } from 'react';
import { completionsClient } from '../../api/completions.js';
import { replaceQuery, useQuery } from '../../router.js';
import {
  type Answer,
  type Mode,
  noAnswer,
  requestOf,
  type Settings,
  type Turn,
  usualSettings,
} from './conversation.js';
import { type Column, keepSession, type Session } from './history.js';
import { streamAnswer } from './stream-answer.js';
import { parseTargets, queryOfTargets, type Target } from './targets.js';
import type { TargetFacts } from './use-target-facts.js';

/** A column has a key of its own, since two may ask the same model. */
export interface ShownColumn extends Column {
  readonly key: number;
}

interface State {
  readonly id: string;
  /** Null until somebody has chosen: what every model can do. */
  readonly mode: Mode | null;
  readonly settings: Settings;
  readonly columns: readonly ShownColumn[];
}

let lastKey = 0;
const columnOf = (target: Target, turns: readonly Turn[] = []): ShownColumn => ({
  key: ++lastKey,
  target,
  turns,
});
/** Probabilities are many times as long as the answer. */
function withoutTokens(turn: Turn): Turn {
  if (turn.role === 'user') return turn;
  const { tokens: _, ...answer } = turn;
  return answer;
}

const newId = () => `${Date.now()}-${++lastKey}`;

/** What to ask of which column. */
interface Task {
  readonly column: ShownColumn;
  readonly facts: TargetFacts;
  /** With the question at their end. */
  readonly turns: readonly Turn[];
}

export function usePlayground() {
  const query = useQuery();
  const known = useRef(query);
  const [state, setState] = useState<State>(() => ({
    id: newId(),
    mode: null,
    settings: usualSettings,
    columns: parseTargets(query).map((target) => columnOf(target)),
  }));
  const [isBusy, setBusy] = useState(false);
  const stopping = useRef<AbortController | null>(null);
  const latest = useRef(state);
  /** Whether there are answers that the history does not have yet, and how they were asked for. */
  const isNew = useRef(false);
  const askedIn = useRef<Mode>('chat');
  useEffect(() => {
    latest.current = state;
  }, [state]);
  useEffect(() => () => stopping.current?.abort(), []);

  // The address names the columns, so that it can be passed on; conversations stay here.
  const named = queryOfTargets(state.columns.map(({ target }) => target));
  useEffect(() => {
    if (named === known.current) return;
    known.current = named;
    replaceQuery(named);
  }, [named]);
  useEffect(() => {
    if (query === known.current) return;
    known.current = query;
    setState((old) => ({ ...old, columns: parseTargets(query).map((target) => columnOf(target)) }));
  }, [query]);

  const changeColumn = (key: number, change: (old: ShownColumn) => ShownColumn) =>
    setState((old) => ({
      ...old,
      columns: old.columns.map((column) => (column.key === key ? change(column) : column)),
    }));

  async function answer({ column, facts, turns }: Task, mode: Mode, signal: AbortSignal): Promise<void> {
    const show = (shown: Answer) => changeColumn(column.key, (old) => ({ ...old, turns: [...turns, shown] }));
    if (mode === 'chat' && !facts.canChat) {
      show({
        ...noAnswer,
        state: 'done',
        error: `${facts.label} has no chat template. Ask it in text mode.`,
      });
      return;
    }
    if (facts.base === null) {
      show({ ...noAnswer, state: 'done', error: facts.error?.message ?? 'The model is still being read.' });
      return;
    }
    show(noAnswer);
    const request = requestOf(mode, column.target, facts.base, latest.current.settings, turns);
    for await (const grown of streamAnswer(completionsClient, request, signal)) show(grown);
  }

  async function run(tasks: readonly Task[], mode: Mode): Promise<void> {
    stopping.current?.abort();
    const own = new AbortController();
    stopping.current = own;
    askedIn.current = mode;
    setBusy(true);
    await Promise.all(tasks.map((task) => answer(task, mode, own.signal)));
    if (stopping.current !== own) return;
    setBusy(false);
    isNew.current = true;
  }

  useEffect(() => {
    if (isBusy || !isNew.current) return;
    isNew.current = false;
    const columns = state.columns.map(({ target, turns }) => ({ target, turns: turns.map(withoutTokens) }));
    const { id, mode, settings } = state;
    keepSession(localStorage, { id, at: Date.now(), mode: mode ?? askedIn.current, settings, columns });
  }, [isBusy, state]);

  return {
    ...state,
    isBusy,
    setMode: (mode: Mode) =>
      setState((old) => ({ ...old, mode, columns: old.columns.map(({ target }) => columnOf(target)) })),
    setSettings: (change: Partial<Settings>) =>
      setState((old) => ({ ...old, settings: { ...old.settings, ...change } })),
    add: (target: Target) => setState((old) => ({ ...old, columns: [...old.columns, columnOf(target)] })),
    remove: (key: number) =>
      setState((old) => ({ ...old, columns: old.columns.filter((column) => column.key !== key) })),
    setTarget: (key: number, target: Target) => changeColumn(key, (old) => ({ ...old, target })),
    /** Asks every column. */
    ask: (text: string, mode: Mode, facts: readonly TargetFacts[]) => {
      const question: Turn = { role: 'user', content: text };
      const tasks = state.columns.map((column, i) => ({
        column,
        facts: facts[i]!,
        // A text is gone on with by itself.
        turns: mode === 'chat' ? [...column.turns, question] : [question],
      }));
      void run(tasks, mode);
    },
    /** Asks a column again for its last answer. */
    askAgain: (column: ShownColumn, mode: Mode, facts: TargetFacts) =>
      void run([{ column, facts, turns: column.turns.slice(0, -1) }], mode),
    stop: () => stopping.current?.abort(),
    /** Another conversation with the same models. */
    clear: () => {
      stopping.current?.abort();
      setState((old) => ({
        ...old,
        id: newId(),
        columns: old.columns.map(({ target }) => columnOf(target)),
      }));
    },
    open: ({ id, mode, settings, columns }: Session) => {
      stopping.current?.abort();
      setState({
        id,
        mode,
        // A later version may have settings more.
        settings: { ...usualSettings, ...settings },
        columns: columns.map(({ target, turns }) => columnOf(target, turns)),
      });
    },
  };
}

export type Playground = ReturnType<typeof usePlayground>;
