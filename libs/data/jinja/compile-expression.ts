/** Expressions as functions of the scope that they are evaluated in. */
import { callValue, fieldOf, itemOf } from '#data/jinja/access.js';
import type { Registry } from '#data/jinja/filter.js';
import {
  add,
  compare,
  contains,
  divide,
  floorDivide,
  isEqual,
  modulo,
  multiply,
  negate,
  positive,
  power,
  slice,
  subtract,
} from '#data/jinja/operators.js';
import { concatenate, type Scope } from '#data/jinja/runtime.js';
import { sequenceFilters } from '#data/jinja/sequence-filters.js';
import type { Arguments, BinaryOperator, ComparisonOperator, Expression } from '#data/jinja/syntax.js';
import { tests } from '#data/jinja/tests.js';
import { numberFilters } from '#data/jinja/number-filters.js';
import { textFilters } from '#data/jinja/text-filters.js';
import {
  dictKey,
  entriesOf,
  isDict,
  isTruthy,
  listOf,
  TemplateFailure,
  tuple,
  typeName,
  Undefined,
} from '#data/jinja/values.js';

export type Evaluate = (scope: Scope) => unknown;

/** The name that holds the text of a block while its filters run; no template can write it. */
export const blockTextName = ' block text';

const registry: Registry = {
  filters: new Map([...textFilters, ...numberFilters, ...sequenceFilters]),
  tests,
};

const operators: Readonly<Record<BinaryOperator, (left: unknown, right: unknown) => unknown>> = {
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '//': floorDivide,
  '%': modulo,
  '**': power,
};

const comparisons: Readonly<Record<ComparisonOperator, (left: unknown, right: unknown) => boolean>> = {
  '==': isEqual,
  '!=': (left, right) => !isEqual(left, right),
  '<': (left, right) => compare(left, right, '<') < 0,
  '<=': (left, right) => compare(left, right, '<=') <= 0,
  '>': (left, right) => compare(left, right, '>') > 0,
  '>=': (left, right) => compare(left, right, '>=') >= 0,
  in: (left, right) => contains(right, left),
  'not in': (left, right) => !contains(right, left),
};

export function compileExpression(node: Expression): Evaluate {
  switch (node.kind) {
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'name': {
      const { name } = node;
      return (scope) => scope.get(name);
    }
    case 'block-text':
      return (scope) => scope.get(blockTextName);
    case 'list':
    case 'tuple': {
      const items = node.items.map(compileExpression);
      const evaluate: (scope: Scope) => unknown[] = (scope) => items.map((item) => item(scope));
      return node.kind === 'list' ? evaluate : (scope) => tuple(evaluate(scope));
    }
    case 'dict': {
      const entries = node.entries.map(
        ([key, value]) => [compileExpression(key), compileExpression(value)] as const,
      );
      return (scope) => new Map(entries.map(([key, value]) => [dictKey(key(scope)), value(scope)]));
    }
    case 'field': {
      const [object, { name }] = [compileExpression(node.object), node];
      return (scope) => fieldOf(object(scope), name);
    }
    case 'item': {
      const [object, key] = [compileExpression(node.object), compileExpression(node.key)];
      return (scope) => itemOf(object(scope), key(scope));
    }
    case 'slice': {
      const object = compileExpression(node.object);
      const bounds = node.bounds.map((bound) => bound && compileExpression(bound));
      return (scope) =>
        slice(
          object(scope),
          bounds.map((bound) => bound?.(scope)),
        );
    }
    case 'call':
      return compileCall(compileExpression(node.callee), node.args);
    case 'filter':
      return compileFilter(node);
    case 'test': {
      const test = tests.get(node.name);
      if (!test) return fails(`No test named '${node.name}'.`);
      const [input, args] = [compileExpression(node.input), compileArguments(node.args)];
      return (scope) => {
        const value = input(scope);
        const { positional, named } = args(scope);
        return test(value, positional, named, registry);
      };
    }
    case 'not': {
      const operand = compileExpression(node.operand);
      return (scope) => !isTruthy(operand(scope));
    }
    case 'negative': {
      const operand = compileExpression(node.operand);
      return (scope) => negate(operand(scope));
    }
    case 'positive': {
      const operand = compileExpression(node.operand);
      return (scope) => positive(operand(scope));
    }
    case 'and':
    case 'or': {
      const [left, right] = [compileExpression(node.left), compileExpression(node.right)];
      const goesOn = node.kind === 'and';
      return (scope) => {
        const value = left(scope);
        return isTruthy(value) === goesOn ? right(scope) : value;
      };
    }
    case 'binary': {
      const [left, right] = [compileExpression(node.left), compileExpression(node.right)];
      const apply = operators[node.operator];
      return (scope) => apply(left(scope), right(scope));
    }
    case 'concatenation': {
      const parts = node.parts.map(compileExpression);
      return (scope) => concatenate(parts.map((part) => part(scope)));
    }
    case 'comparison':
      return compileComparison(node);
    case 'condition': {
      const [test, value] = [compileExpression(node.test), compileExpression(node.value)];
      const nothing = new Undefined(
        'the inline if-expression evaluated to false and no else section was defined.',
      );
      const otherwise = node.otherwise ? compileExpression(node.otherwise) : () => nothing;
      return (scope) => (isTruthy(test(scope)) ? value(scope) : otherwise(scope));
    }
    default:
      return node satisfies never;
  }
}

/** A failure that comes only when the template gets there, as in Jinja. */
function fails(message: string): Evaluate {
  return () => {
    throw new TemplateFailure(message);
  };
}

function compileComparison({ first, rest }: Extract<Expression, { kind: 'comparison' }>): Evaluate {
  const start = compileExpression(first);
  const steps = rest.map(({ operator, operand }) => ({
    holds: comparisons[operator],
    operand: compileExpression(operand),
  }));
  return (scope) => {
    let left = start(scope);
    for (const { holds, operand } of steps) {
      const right = operand(scope);
      if (!holds(left, right)) return false;
      left = right;
    }
    return true;
  };
}

function compileFilter(node: Extract<Expression, { kind: 'filter' }>): Evaluate {
  const filter = registry.filters.get(node.name);
  if (!filter) return fails(`No filter named '${node.name}' found.`);
  const [input, args] = [compileExpression(node.input), compileArguments(node.args)];
  return (scope) => {
    scope.run.countStep();
    const value = input(scope);
    const { positional, named } = args(scope);
    return filter(value, positional, named, registry);
  };
}

export function compileCall(callee: Evaluate, args: Arguments): Evaluate {
  const compiled = compileArguments(args);
  return (scope) => {
    scope.run.countStep();
    const called = callee(scope);
    const { positional, named } = compiled(scope);
    return callValue(called, positional, named);
  };
}

interface EvaluatedArguments {
  readonly positional: readonly unknown[];
  readonly named: ReadonlyMap<string, unknown>;
}

const noArguments: EvaluatedArguments = { positional: [], named: new Map() };

export function compileArguments(args: Arguments): (scope: Scope) => EvaluatedArguments {
  const positional = args.positional.map(compileExpression);
  const named = args.named.map(([name, value]) => [name, compileExpression(value)] as const);
  const spread = args.spread && compileExpression(args.spread);
  const namedSpread = args.namedSpread && compileExpression(args.namedSpread);
  if (positional.length === 0 && named.length === 0 && !spread && !namedSpread) return () => noArguments;
  return (scope) => ({
    positional: [...positional.map((value) => value(scope)), ...(spread ? listOf(spread(scope)) : [])],
    named: new Map([
      ...named.map(([name, value]) => [name, value(scope)] as const),
      ...(namedSpread ? namedEntries(namedSpread(scope)) : []),
    ]),
  });
}

function namedEntries(value: unknown): [string, unknown][] {
  if (isDict(value)) return entriesOf(value).map(([name, item]) => [String(name), item]);
  throw new TemplateFailure(`argument after ** must be a mapping, not ${typeName(value)}`);
}
