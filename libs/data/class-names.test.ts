import { expect, test } from 'vitest';
import { ClassNames, explainUnknownClass, sortedNames } from '#data/class-names.js';

test.each([
  [['bad', 'good'], 'good', 1],
  [['bad', 'good'], '0', 0],
  [['bad', 'good'], '2', undefined],
  [['bad', 'good'], '01', undefined],
  [['bad', 'good'], 'Good', undefined],
  // Where names are numbers, numbers are names.
  [['1', '2'], '1', 0],
  [['1', '2'], '0', undefined],
])('of %j, %j is class %j', (names, label, expected) => {
  expect(new ClassNames(names).find(label)).toBe(expected);
});

test('names are in the order of their size if they are numbers, else of their characters', () => {
  expect(sortedNames(new Set(['10', '9', '0']))).toEqual(['0', '9', '10']);
  expect(sortedNames(new Set(['b', '10', 'a', '9']))).toEqual(['10', '9', 'a', 'b']);
});

test('a class that there is not is named with those that there are', () => {
  expect(explainUnknownClass('meh', ['bad', 'good'])).toBe(
    'there is no class "meh"; the classes are bad, good. Correct it, or name it among the labels of the method.',
  );
});
