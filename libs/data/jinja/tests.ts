/** Jinja's tests: what stands after `is`. */
import { defineFunction } from '#data/jinja/arguments.js';
import type { Test } from '#data/jinja/filter.js';
import { compare, contains, isEqual, modulo } from '#data/jinja/operators.js';
import { printText } from '#data/jinja/print.js';
import { characterTests } from '#data/jinja/text.js';
import {
  Callable,
  DictView,
  Generator,
  isDict,
  isFloat,
  isInteger,
  isList,
  isTruthy,
  Range,
  SafeText,
  Undefined,
} from '#data/jinja/values.js';

function test(run: (value: unknown) => boolean): Test {
  const { call } = defineFunction('test', ['value'], run);
  return (input, positional, named) => isTruthy(call([input, ...positional], named));
}

function testAgainst(run: (value: unknown, other: unknown) => boolean): Test {
  const { call } = defineFunction('test', ['value', 'other'], run);
  return (input, positional, named) => isTruthy(call([input, ...positional], named));
}

const equal = testAgainst(isEqual);
const unequal = testAgainst((value, other) => !isEqual(value, other));
const greater = testAgainst((value, other) => compare(value, other, '>') > 0);
const greaterOrEqual = testAgainst((value, other) => compare(value, other, '>=') >= 0);
const less = testAgainst((value, other) => compare(value, other, '<') < 0);
const lessOrEqual = testAgainst((value, other) => compare(value, other, '<=') <= 0);

const isSequence = (value: unknown): boolean =>
  typeof value === 'string' ||
  isList(value) ||
  isDict(value) ||
  value instanceof Range ||
  value instanceof Undefined;

export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['==', equal],
  ['eq', equal],
  ['equalto', equal],
  ['!=', unequal],
  ['ne', unequal],
  ['>', greater],
  ['gt', greater],
  ['greaterthan', greater],
  ['>=', greaterOrEqual],
  ['ge', greaterOrEqual],
  ['<', less],
  ['lt', less],
  ['lessthan', less],
  ['<=', lessOrEqual],
  ['le', lessOrEqual],
  ['boolean', test((value) => typeof value === 'boolean')],
  ['callable', test((value) => value instanceof Callable || value instanceof Undefined)],
  ['defined', test((value) => !(value instanceof Undefined))],
  ['divisibleby', testAgainst((value, other) => isEqual(modulo(value, other), 0))],
  ['escaped', test((value) => value instanceof SafeText)],
  ['even', test((value) => isEqual(modulo(value, 2), 0))],
  ['false', test((value) => value === false)],
  ['filter', (input, _, __, { filters }) => filters.has(printText(input))],
  ['float', test(isFloat)],
  ['in', testAgainst((value, container) => contains(container, value))],
  ['integer', test(isInteger)],
  ['iterable', test((value) => isSequence(value) || value instanceof DictView || value instanceof Generator)],
  ['lower', test((value) => characterTests['islower']!(printText(value)))],
  ['mapping', test(isDict)],
  ['none', test((value) => value === null)],
  ['number', test((value) => typeof value === 'boolean' || isInteger(value) || isFloat(value))],
  ['odd', test((value) => isEqual(modulo(value, 2), 1))],
  ['sameas', testAgainst((value, other) => value === other)],
  ['sequence', test(isSequence)],
  ['string', test((value) => typeof value === 'string' || value instanceof SafeText)],
  ['test', (input, _, __, registry) => registry.tests.has(printText(input))],
  ['true', test((value) => value === true)],
  ['undefined', test((value) => value instanceof Undefined)],
  ['upper', test((value) => characterTests['isupper']!(printText(value)))],
]);
