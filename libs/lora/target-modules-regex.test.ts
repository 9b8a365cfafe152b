import { describe, expect, test } from 'vitest';
import { LoraConfigError } from '#lora/config.js';
import { matchPaths } from '#lora/match-paths.js';
import { pythonFullmatch, pythonMatch } from '#lora/target-modules-regex.js';

const fullmatches = (pattern: string, text: string) =>
  matchPaths([pythonFullmatch(pattern, 'target_modules')], [text], 'target_modules')[0]![0] !== null;

describe('syntax that only Python has is translated', () => {
  // Each line was checked with re.fullmatch of Python 3.11.
  test.each<[pattern: string, yes: string, no: string]>([
    ['(?P<a>x)y(?P=a)', 'xyx', 'xyy'],
    ['(?i)ab', 'AB', 'ac'],
    ['(?s).', '\n', 'ab'],
    ['\\Aa\\Z', 'a', 'b'],
    ['a{,2}', 'aa', 'aaa'],
    ['a{,}', 'aaaa', 'b'],
    ['[]a]+', 'a]', '[a'],
    ['[^]a]', 'b', ']'],
    ['[[a]', '[', 'b'],
    ['a(?#comment)b', 'ab', 'a'],
    ['a|bc', 'bc', 'ac'],
    ['a{b', 'a{b', 'ab'],
    ['\\.\\-', '.-', 'x-'],
    ['.*(?<!v)_proj', 'q_proj', 'v_proj'],
  ])('%s', (pattern, yes, no) => {
    expect(fullmatches(pattern, yes)).toBe(true);
    expect(fullmatches(pattern, no)).toBe(false);
  });
});

describe('syntax that JavaScript lacks or Python forbids is refused by name', () => {
  test.each([
    ['a*+', /possessive \*\+/],
    ['(?>a)', /has \(\?>a/],
    ['(a)?(?(1)b|c)', /has \(\?\(1/],
    ['(?<a>x)', /write \(\?P<name>/],
    ['a(?i)b', /flags at its very start/],
    ['(?i:a)', /has \(\?i:/],
    ['(?x)a b', /use a, i, m, s and u only/],
    ['\\q', /escape \\q/],
    ['[\\Z]', /escape \\Z/],
    ['[a', /closing bracket/],
    ['a\\', /ends in a backslash/],
    ['(a', /is not valid/],
    ['a**', /is not valid/],
  ])('%s', (pattern, message) => {
    expect(() => pythonFullmatch(pattern, 'exclude_modules')).toThrow(LoraConfigError);
    expect(() => pythonFullmatch(pattern, 'exclude_modules')).toThrow(message);
  });
});

test('a match is anchored at the start only and yields the group idx', () => {
  const expression = pythonMatch('a(?P<idx>\\d)', 'layers_pattern');
  expect(matchPaths([expression], ['a1b', 'ba1', 'a'], 'layers_pattern')).toEqual([['1', null, null]]);
});

test('an expression that backtracks for ever is stopped and named', () => {
  const expression = pythonFullmatch('(.+)+x', 'target_modules');
  expect(() => matchPaths([expression], ['a'.repeat(60)], 'target_modules')).toThrow(
    /target_modules: a regular expression took longer than 1000 ms/,
  );
});

describe('an expression that V8 chokes on is a problem of the configuration, soon and in few words', () => {
  test.each([
    ['repetitions inside repetitions', '(.+)+x', 'a'.repeat(60)],
    ['groups that take minutes to compile', `${'('.repeat(4000)}a${')?'.repeat(4000)}`, 'b'],
    ['many of them', `${'('.repeat(10)}a${')?'.repeat(10)}`.repeat(900), 'model.layers.0.self_attn.q_proj'],
    ['what is not closed', '('.repeat(15_000), 'b'],
    ['a wrong class', `${'a'.repeat(15_000)}[z-a]`, 'b'],
  ])('%s', (_, pattern, path) => {
    const start = performance.now();
    let error: unknown;
    try {
      matchPaths([pythonFullmatch(pattern, 'target_modules')], [path], 'target_modules');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LoraConfigError);
    expect((error as Error).message.length).toBeLessThan(1000);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test('and one that is long but sound matches all the same', () => {
    const names = Array.from({ length: 900 }, (_, i) => `model\\.layers\\.${i}\\.q_proj`);
    expect(fullmatches(`(?!vision)(?:${names.join('|')})`, 'model.layers.899.q_proj')).toBe(true);
    expect(fullmatches(`(?:(?:a)?(?:b)?(?:c)?(?:d)?(?:e)?){1,2}`, 'abcdeab')).toBe(true);
  });
});
