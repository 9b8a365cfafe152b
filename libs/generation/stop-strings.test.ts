import { describe, expect, test } from 'vitest';
import { StopStrings } from '#generation/stop-strings.js';
import { bitsAt, streamKey } from '#jit/random.js';

/** Pushes the pieces until a stop string is found; flushes if none is. */
function run(stops: string[], pieces: string[]): { shown: string[]; isStopped: boolean } {
  const scanner = new StopStrings(stops);
  const shown: string[] = [];
  for (const piece of pieces) {
    const { text, isStopped } = scanner.push(piece);
    shown.push(text);
    if (isStopped) return { shown, isStopped };
  }
  return { shown: [...shown, scanner.flush()], isStopped: false };
}

describe('stop strings', () => {
  test('cut the text before the one that is found, also across pieces', () => {
    expect(run(['END'], ['one E', 'N', 'D two'])).toEqual({ shown: ['one ', '', ''], isStopped: true });
  });

  test('hold back only what may be the start of one', () => {
    expect(run(['\n\nUser:'], ['hi\n', '\n', 'User', ' said'])).toEqual({
      shown: ['hi', '', '', '\n\nUser said', ''],
      isStopped: false,
    });
  });

  test('give up what they held when the text ends', () => {
    expect(run(['END'], ['so EN']).shown).toEqual(['so ', 'EN']);
  });

  test('of which one is complete first end the text there, whatever else has begun before', () => {
    expect(run(['abcd', 'bc'], ['xabcd']).shown).toEqual(['xa']);
    expect(run(['abc', 'bc'], ['xabc']).shown).toEqual(['x']);
  });

  test('that overlap with themselves are found', () => {
    expect(run(['aab'], ['aaa', 'b']).shown).toEqual(['a', '']);
  });

  test('must not be empty', () => {
    expect(() => new StopStrings(['a', ''])).toThrow(expect.objectContaining({ code: 'stop_invalid' }));
  });

  test('give the same text however the text is cut into pieces', () => {
    const key = streamKey(1, 0, 'stop strings');
    let counter = 0;
    const below = (n: number) => bitsAt(key, counter++) % n;
    const word = (length: number) => Array.from({ length }, () => 'ab'[below(2)]).join('');
    for (let round = 0; round < 500; round++) {
      const stops = Array.from({ length: 1 + below(3) }, () => word(1 + below(4)));
      const text = word(below(12));
      const pieces: string[] = [];
      for (let at = 0; at < text.length; at += pieces.at(-1)!.length)
        pieces.push(text.slice(at, at + 1 + below(4)));
      const [whole, cut] = [run(stops, text.split('')), run(stops, pieces)];
      expect([cut.shown.join(''), cut.isStopped], `${stops.join()} in ${pieces.join()}`).toEqual([
        whole.shown.join(''),
        whole.isStopped,
      ]);
      expect(whole.isStopped).toBe(stops.some((stop) => text.includes(stop)));
    }
  });
});
