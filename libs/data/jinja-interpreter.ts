/**
 * @huggingface/jinja 0.5.11 with the places put right where it differs from Python's Jinja without saying so:
 * `{% continue %}` and `{% break %}` lose what the iteration has written, `strip`, `lstrip`, `rstrip` and `trim`
 * ignore which characters to strip and know another white space than Python, and text + object does not fail.
 */
import * as library from '@huggingface/jinja';

/** A node of the library's syntax tree. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A value of a running template. */
export interface RuntimeValue {
  readonly type: string;
  readonly value: unknown;
  /** The value as the template prints it. */
  toString(): string;
}

/** Variables of one scope. */
export interface Scope {
  set(name: string, value: unknown): unknown;
}

interface LibraryInterpreter {
  run(program: Node): RuntimeValue;
  evaluate(node: Node | undefined, scope: Scope): RuntimeValue;
  evaluateBlock(nodes: Node[], scope: Scope): RuntimeValue;
}

// The package's declaration files name each other without extensions, which `module: nodenext` cannot follow.
const jinja = library as unknown as {
  Environment: new () => Scope;
  Interpreter: new (scope: Scope) => LibraryInterpreter;
  tokenize(source: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }): unknown[];
  parse(tokens: unknown[]): Node;
};

export function createScope(): Scope {
  return new jinja.Environment();
}

/** A parsed template. */
export interface Program {
  readonly root: Node;
  /** The statements of each `{% for %}`. */
  readonly loopBodies: WeakSet<readonly Node[]>;
}

/** Parses a template with the white space rules that Hugging Face sets for chat templates. */
export function parseTemplate(source: string): Program {
  const root = jinja.parse(jinja.tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  const loopBodies = new WeakSet<readonly Node[]>();
  visitNodes(root, (node) => {
    if (node.type === 'For') loopBodies.add(node.body as Node[]);
  });
  return { root, loopBodies };
}

/** Calls back for each node of a tree, parents after children. */
export function visitNodes(root: unknown, visit: (node: Node) => void): void {
  if (root instanceof Map) {
    for (const entry of root) visitNodes(entry, visit);
  } else if (Array.isArray(root)) {
    for (const item of root) visitNodes(item, visit);
  } else if (typeof root === 'object' && root !== null) {
    for (const field of Object.values(root)) visitNodes(field, visit);
    if ('type' in root) visit(root as Node);
  }
}

/** On its way from `{% break %}` or `{% continue %}` to the loop, with what was written before. */
class LoopSignal extends Error {
  constructor(
    readonly kind: 'Break' | 'Continue',
    readonly written = '',
  ) {
    super(`{% ${kind.toLowerCase()} %} outside of a loop`);
  }
}

/** Evaluations in one rendering, a few seconds: a thousand messages take a tenth of that. */
const MOST_STEPS = 1_000_000;

/** What Python's str.strip() takes for white space. */
const SPACES = String.raw`\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
const STRIPPED_ENDS = new Map([
  ['strip', [true, true]],
  ['trim', [true, true]],
  ['lstrip', [true, false]],
  ['rstrip', [false, true]],
] as const);

export class PythonInterpreter extends jinja.Interpreter {
  private readonly brokenLoops = new WeakSet<Scope>();
  private steps = 0;

  constructor(
    private readonly program: Program,
    scope: Scope,
  ) {
    super(scope);
  }

  /** The text that the template makes of the variables in its scope. */
  render(): string {
    return this.run(this.program.root).value as string;
  }

  override evaluate(node: Node | undefined, scope: Scope): RuntimeValue {
    this.countStep();
    if (!node) return super.evaluate(node, scope);
    switch (node.type) {
      case 'Evaluated':
        return node.result as RuntimeValue;
      case 'Break':
      case 'Continue':
        throw new LoopSignal(node.type);
      case 'BinaryExpression':
        return this.evaluateBinary(node, scope);
      case 'CallExpression': {
        const callee = node.callee as Node;
        const method =
          callee.type === 'MemberExpression' && !callee.computed ? nameOf(callee.property) : undefined;
        const ends = STRIPPED_ENDS.get(method as 'strip');
        if (!ends) return super.evaluate(node, scope);
        const object = this.evaluate(callee.object as Node, scope);
        if (object.type === 'StringValue') return this.strip(object, ends, node.args as Node[], scope);
        const evaluated = { ...callee, object: { type: 'Evaluated', result: object } };
        return super.evaluate({ ...node, callee: evaluated }, scope);
      }
      case 'FilterExpression': {
        const filter = node.filter as Node;
        const isCall = filter.type === 'CallExpression';
        if (nameOf(isCall ? filter.callee : filter) !== 'trim') return super.evaluate(node, scope);
        const operand = this.evaluate(node.operand as Node, scope);
        if (operand.type === 'StringValue') {
          return this.strip(operand, [true, true], isCall ? (filter.args as Node[]) : [], scope);
        }
        return super.evaluate({ ...node, operand: { type: 'Evaluated', result: operand } }, scope);
      }
      default:
        return super.evaluate(node, scope);
    }
  }

  override evaluateBlock(nodes: Node[], scope: Scope): RuntimeValue {
    this.countStep();
    const isLoopBody = this.program.loopBodies.has(nodes);
    // The loop that was left goes on to its next item: the library's own signal ends it there.
    if (isLoopBody && this.brokenLoops.has(scope)) super.evaluate({ type: 'Break' }, scope);
    let written = '';
    for (const node of nodes) {
      try {
        const value = this.evaluate(node, scope);
        if (value.type !== 'NullValue' && value.type !== 'UndefinedValue') written += value.toString();
      } catch (error) {
        if (!(error instanceof LoopSignal)) throw error;
        written += error.written;
        if (!isLoopBody) throw new LoopSignal(error.kind, written);
        if (error.kind === 'Break') this.brokenLoops.add(scope);
        break;
      }
    }
    return this.text(written, scope);
  }

  private countStep(): void {
    if (++this.steps > MOST_STEPS) throw new RangeError('it takes too long to run');
  }

  private evaluateBinary(node: Node, scope: Scope): RuntimeValue {
    const operator = (node.operator as { value: string }).value;
    if (operator !== '+' && operator !== '~') return super.evaluate(node, scope);
    const left = this.evaluate(node.left as Node, scope);
    const right = this.evaluate(node.right as Node, scope);
    const types = [left.type, right.type];
    const other = types.find((type) => !(operator === '+' ? JOINABLE : PRINTABLE).includes(type));
    if (types.includes('StringValue') && other) {
      throw new TypeError(`text ${operator} ${other.replace('Value', '').toLowerCase()} is not possible`);
    }
    const evaluated = (result: RuntimeValue): Node => ({ type: 'Evaluated', result });
    return super.evaluate({ ...node, left: evaluated(left), right: evaluated(right) }, scope);
  }

  private strip(
    operand: RuntimeValue,
    [atStart, atEnd]: readonly [boolean, boolean],
    args: Node[],
    scope: Scope,
  ): RuntimeValue {
    const characters = args[0] ? this.evaluate(args[0], scope).value : undefined;
    const set = typeof characters === 'string' ? characters.replace(/[\\\]^-]/g, '\\$&') : SPACES;
    let text = operand.value as string;
    if (set === '') return operand;
    if (atStart) text = text.replace(new RegExp(`^[${set}]+`, 'u'), '');
    if (atEnd) text = trimEnd(text, new RegExp(`[${set}]`, 'u'));
    return this.text(text, scope);
  }

  private text(value: string, scope: Scope): RuntimeValue {
    return super.evaluate({ type: 'StringLiteral', value }, scope);
  }
}

/** What Python joins to text by `+`, and what by `~` without a spelling of its own. */
const JOINABLE = ['StringValue'];
const PRINTABLE = ['StringValue', 'IntegerValue', 'FloatValue'];

function nameOf(node: unknown): string | undefined {
  const { type, value } = node as Node;
  return type === 'Identifier' ? (value as string) : undefined;
}

/** A loop from the end: the expression `[...]+$` takes quadratic time on long runs inside a text. */
function trimEnd(text: string, space: RegExp): string {
  const characters = Array.from(text);
  let length = characters.length;
  while (length > 0 && space.test(characters[length - 1]!)) length--;
  return characters.slice(0, length).join('');
}
