import { expect, test } from 'vitest';
import { noAnswer, usualSettings } from './conversation.js';
import { forgetSession, keepSession, readHistory, type Session, titleOf } from './history.js';
import { targetOf } from './targets.js';

function storage(room = Infinity) {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => {
      if (value.length > room) throw new DOMException('full', 'QuotaExceededError');
      kept.set(name, value);
    },
    removeItem: (name: string) => void kept.delete(name),
  };
}

const session = (id: string, content = 'Who?'): Session => ({
  id,
  at: 1,
  mode: 'chat',
  settings: usualSettings,
  columns: [
    {
      target: targetOf('adapter-A'),
      turns: [
        { role: 'user', content },
        { ...noAnswer, state: 'done', content: 'Me.' },
      ],
    },
  ],
});

test('conversations come back as they were, the newest first, each once', () => {
  const kept = storage();
  keepSession(kept, session('1'));
  keepSession(kept, session('2'));
  keepSession(kept, { ...session('1'), at: 5 });
  expect(readHistory(kept)).toEqual([{ ...session('1'), at: 5 }, session('2')]);
  forgetSession(kept, '1');
  expect(readHistory(kept).map(({ id }) => id)).toEqual(['2']);
  forgetSession(kept, '2');
  expect(readHistory(kept)).toEqual([]);
});

test('the oldest conversations go where the browser has no more room', () => {
  const kept = storage(2000);
  for (let i = 0; i < 20; i++) keepSession(kept, session(String(i)));
  const ids = readHistory(kept).map(({ id }) => id);
  expect(ids[0]).toBe('19');
  expect(ids.length).toBeLessThan(10);
});

test('what another version or hand has written is no history', () => {
  const kept = storage();
  kept.setItem('lowrank-playground', '{"version":0,"sessions":[1]}');
  expect(readHistory(kept)).toEqual([]);
  kept.setItem('lowrank-playground', '{');
  expect(readHistory(kept)).toEqual([]);
});

test('a conversation is called by what was asked first', () => {
  expect(titleOf(session('1', '  Tell me\nof the sea. '))).toBe('Tell me of the sea.');
  expect(titleOf(session('1', 'x'.repeat(100)))).toBe(`${'x'.repeat(80)}…`);
});
