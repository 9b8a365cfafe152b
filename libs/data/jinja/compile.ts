/** Statements as functions that write to an output. */
import {
  blockTextName,
  compileArguments,
  compileExpression,
  type Evaluate,
} from '#data/jinja/compile-expression.js';
import { callValue } from '#data/jinja/access.js';
import { checkField } from '#data/jinja/globals.js';
import { Loop, Output, type Scope } from '#data/jinja/runtime.js';
import type { Block, Signature, Statement, Target } from '#data/jinja/syntax.js';
import { someNode } from '#data/jinja/syntax-walk.js';
import {
  Callable,
  Generator,
  isTruthy,
  iterate,
  type KeywordArguments,
  listOf,
  Namespace,
  TemplateFailure,
  tuple,
  Undefined,
} from '#data/jinja/values.js';

/** How a block ended: to its end, or on its way to the next iteration or out of the loop. */
type Ending = 'done' | 'continue' | 'break';
type Execute = (scope: Scope, output: Output) => Ending;

export function compileBlock(block: Block): Execute {
  const statements = block.map(compileStatement);
  if (statements.length === 1) return statements[0]!;
  return (scope, output) => {
    for (const execute of statements) {
      const ending = execute(scope, output);
      if (ending !== 'done') return ending;
    }
    return 'done';
  };
}

/** A statement that always goes on to the next. */
function simple(run: (scope: Scope, output: Output) => void): Execute {
  return (scope, output) => {
    scope.run.countStep();
    run(scope, output);
    return 'done';
  };
}

function compileStatement(node: Statement): Execute {
  switch (node.kind) {
    case 'text': {
      const { text } = node;
      return simple((_, output) => output.write(text));
    }
    case 'print': {
      const value = compileExpression(node.value);
      return simple((scope, output) => output.write(value(scope)));
    }
    case 'if':
      return compileIf(node);
    case 'for':
      return compileFor(node);
    case 'set': {
      const [assign, value] = [compileTarget(node.target), compileExpression(node.value)];
      return simple((scope) => assign(scope, value(scope)));
    }
    case 'set-block': {
      const [assign, write, filter] = [
        compileTarget(node.target),
        compileText(node.body),
        compileExpression(node.filter),
      ];
      return simple((scope) => assign(scope, filtered(scope, filter, write(scope.inner()))));
    }
    case 'filter-block': {
      const [write, filter] = [compileText(node.body), compileExpression(node.filter)];
      return simple((scope, output) => output.write(filtered(scope, filter, write(scope.inner()))));
    }
    case 'with':
      return compileWith(node);
    case 'macro': {
      const make = compileMacro(node.name, node.signature, node.body);
      const { name } = node;
      return simple((scope) => scope.set(name, make(scope)));
    }
    case 'call-block':
      return compileCallBlock(node);
    case 'generation': {
      const body = compileBlock(node.body);
      return (scope, output) => {
        const { marks } = scope.run;
        if (marks) output.write(marks[0]);
        const ending = body(scope.inner(), output);
        if (marks) output.write(marks[1]);
        return ending;
      };
    }
    case 'scope': {
      const body = compileBlock(node.body);
      return (scope, output) => body(scope.inner(), output);
    }
    case 'break':
    case 'continue': {
      const { kind } = node;
      return () => kind;
    }
    case 'refusal': {
      const { message } = node;
      return () => {
        throw new TemplateFailure(message);
      };
    }
    default:
      return node satisfies never;
  }
}

/** The text that a block writes, apart from everything else. */
function compileText(block: Block): (scope: Scope) => string {
  const body = compileBlock(block);
  return (scope) => {
    const output = new Output();
    body(scope, output);
    return output.text;
  };
}

function filtered(scope: Scope, filter: Evaluate, text: string): unknown {
  const inner = scope.inner();
  inner.set(blockTextName, text);
  return filter(inner);
}

function compileIf({ branches, otherwise }: Extract<Statement, { kind: 'if' }>): Execute {
  const compiled = branches.map(([test, body]) => [compileExpression(test), compileBlock(body)] as const);
  const last = compileBlock(otherwise);
  return (scope, output) => {
    scope.run.countStep();
    for (const [test, body] of compiled) if (isTruthy(test(scope))) return body(scope, output);
    return last(scope, output);
  };
}

function compileFor(node: Extract<Statement, { kind: 'for' }>): Execute {
  const [assign, values, body] = [
    compileTarget(node.target),
    compileExpression(node.values),
    compileBlock(node.body),
  ];
  const test = node.test && compileExpression(node.test);
  const otherwise = compileBlock(node.otherwise);

  function* passing(items: unknown, scope: Scope, holds: Evaluate): Iterator<unknown> {
    const iterator = iterate(items);
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      scope.run.countStep();
      const inner = scope.inner();
      assign(inner, next.value);
      if (isTruthy(holds(inner))) yield next.value;
    }
  }

  const run = (items: unknown, scope: Scope, output: Output, depth: number): void => {
    const recurse = (inner: unknown, innerDepth: number): string => {
      const text = new Output();
      run(inner, scope, text, innerDepth);
      return text.text;
    };
    const chosen = test ? new Generator(passing(items, scope, test)) : items;
    const loop = new Loop(chosen, node.isRecursive ? recurse : undefined, depth);
    // As in Jinja, the else block runs too where every iteration was left by continue or break.
    let hasFinishedOne = false;
    while (loop.advance()) {
      scope.run.countStep();
      const inner = scope.inner();
      inner.set('loop', loop.variable);
      assign(inner, loop.value);
      const ending = body(inner, output);
      if (ending === 'break') break;
      hasFinishedOne ||= ending === 'done';
    }
    if (!hasFinishedOne) otherwise(scope.inner(), output);
  };
  return simple((scope, output) => run(values(scope), scope, output, 0));
}

function compileWith(node: Extract<Statement, { kind: 'with' }>): Execute {
  const assignments = node.assignments.map(
    ([target, value]) => [compileTarget(target), compileExpression(value)] as const,
  );
  const body = compileBlock(node.body);
  return (scope, output) => {
    const inner = scope.inner();
    for (const [assign, value] of assignments) assign(inner, value(scope));
    return body(inner, output);
  };
}

function compileTarget(target: Target): (scope: Scope, value: unknown) => void {
  switch (target.kind) {
    case 'name': {
      const { name } = target;
      return (scope, value) => scope.set(name, value);
    }
    case 'namespace': {
      const { name, field } = target;
      return (scope, value) => {
        const namespace = scope.get(name);
        if (!(namespace instanceof Namespace)) {
          throw new TemplateFailure('cannot assign attribute on non-namespace object');
        }
        checkField(field);
        namespace.fields.set(field, value);
      };
    }
    case 'tuple': {
      const targets = target.targets.map(compileTarget);
      return (scope, value) => {
        const items = listOf(value);
        if (items.length > targets.length) {
          throw new TemplateFailure(`too many values to unpack (expected ${targets.length})`);
        }
        if (items.length < targets.length) {
          throw new TemplateFailure(
            `not enough values to unpack (expected ${targets.length}, got ${items.length})`,
          );
        }
        for (const [index, assign] of targets.entries()) assign(scope, items[index]);
      };
    }
    default:
      return target satisfies never;
  }
}

function compileCallBlock({
  callee,
  args,
  signature,
  body,
}: Extract<Statement, { kind: 'call-block' }>): Execute {
  const [called, given] = [compileExpression(callee), compileArguments(args)];
  const makeCaller = compileMacro('caller', signature, body);
  return simple((scope, output) => {
    const { positional, named } = given(scope);
    output.write(callValue(called(scope), positional, new Map([...named, ['caller', makeCaller(scope)]])));
  });
}

/** A macro sees the names around its definition as they are when it is called, not those around the call. */
function compileMacro(name: string, { parameters }: Signature, body: Block): (scope: Scope) => Callable {
  const defaults = parameters.map(({ otherwise }) => otherwise && compileExpression(otherwise));
  const names = parameters.map((parameter) => parameter.name);
  const write = compileText(body);
  const reads = (wanted: string): boolean =>
    someNode(body, (node) => node.kind === 'name' && node.name === wanted);
  const [readsCaller, readsRest, readsNamed] = [reads('caller'), reads('varargs'), reads('kwargs')];
  return (defined) => {
    const call = (positional: readonly unknown[], named: KeywordArguments): string => {
      defined.run.countStep();
      const scope = defined.inner();
      const rest = new Map(named);
      for (const [index, parameter] of names.entries()) {
        const isNamed = index >= positional.length && rest.has(parameter);
        const given = isNamed ? rest.get(parameter) : positional[index];
        if (isNamed) rest.delete(parameter);
        const value = given === undefined ? defaults[index]?.(scope) : given;
        scope.set(parameter, value === undefined ? absent(parameter) : value);
      }
      if (!names.includes('caller') && readsCaller) {
        scope.set('caller', rest.get('caller') ?? new Undefined('No caller defined'));
        rest.delete('caller');
      }
      if (readsRest) scope.set('varargs', tuple(positional.slice(names.length)));
      else if (positional.length > names.length) {
        throw new TemplateFailure(`macro '${name}' takes not more than ${names.length} argument(s)`);
      }
      if (readsNamed) scope.set('kwargs', rest);
      else if (rest.size > 0) {
        throw new TemplateFailure(`macro '${name}' takes no keyword argument '${[...rest.keys()][0]}'`);
      }
      return write(scope);
    };
    const field = (wanted: string): unknown => {
      if (wanted === 'name') return name;
      return wanted === 'arguments' ? tuple(names) : undefined;
    };
    return new Callable(name, call, field, () => `<Macro '${name}'>`);
  };
}

function absent(parameter: string): Undefined {
  return new Undefined(`parameter '${parameter}' was not provided`);
}
