/** Conversations of before, kept in this browser and nowhere else. */
import type { Mode, Settings, Turn } from './conversation.js';
import { parseTargets, queryOfTargets, type Target } from './targets.js';

export interface Column {
  readonly target: Target;
  readonly turns: readonly Turn[];
}

export interface Session {
  readonly id: string;
  /** Milliseconds since 1970 at its last answer. */
  readonly at: number;
  readonly mode: Mode;
  readonly settings: Settings;
  readonly columns: readonly Column[];
}

const name = 'lowrank-playground';
const version = 1;
const maxSessions = 50;

type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Newest first. What is not readable, or of another version, is none. */
export function readHistory(storage: Kept): Session[] {
  try {
    const kept = JSON.parse(storage.getItem(name) ?? 'null') as {
      readonly version: number;
      readonly sessions: readonly (Omit<Session, 'columns'> & {
        readonly columns: readonly { readonly target: string; readonly turns: readonly Turn[] }[];
      })[];
    } | null;
    if (kept?.version !== version) return [];
    return kept.sessions.map((session) => ({
      ...session,
      columns: session.columns.flatMap(({ target, turns }) => {
        const [parsed] = parseTargets(target);
        return parsed === undefined ? [] : [{ target: parsed, turns }];
      }),
    }));
  } catch {
    return [];
  }
}

/** Puts a session before all others, in the place of what it was before; the oldest ones go where there is no room. */
export function keepSession(storage: Kept, session: Session): void {
  const others = readHistory(storage).filter(({ id }) => id !== session.id);
  write(storage, [session, ...others].slice(0, maxSessions));
}

export function forgetSession(storage: Kept, id: string): void {
  write(
    storage,
    readHistory(storage).filter((session) => session.id !== id),
  );
}

function write(storage: Kept, sessions: readonly Session[]): void {
  if (sessions.length === 0) return storage.removeItem(name);
  const kept = sessions.map((session) => ({
    ...session,
    columns: session.columns.map(({ target, turns }) => ({ target: queryOfTargets([target]), turns })),
  }));
  try {
    storage.setItem(name, JSON.stringify({ version, sessions: kept }));
  } catch {
    // The browser gives a page some megabytes, or none.
    if (sessions.length > 1) write(storage, sessions.slice(0, Math.floor(sessions.length / 2)));
  }
}

const titleLength = 80;

/** The first thing that was asked. */
export function titleOf({ columns }: Session): string {
  const first = columns[0]?.turns[0]?.content.trim().replaceAll(/\s+/g, ' ') ?? '';
  return first.length > titleLength ? `${first.slice(0, titleLength)}…` : first || 'An empty prompt';
}
