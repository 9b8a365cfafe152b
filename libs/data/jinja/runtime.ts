/** What a running template stands on: names in scopes, text that is written, limits. */
import { add, isEqual } from '#data/jinja/operators.js';
import { printText } from '#data/jinja/print.js';
import { Callable, iterate, lengthOf, Generator, TemplateFailure, Undefined } from '#data/jinja/values.js';

/** Statements, iterations and calls of one rendering: a few seconds. A thousand messages take a hundredth of that. */
const maxSteps = 5_000_000;
/** Characters that a template may write. */
const maxText = 1 << 26;

/** One rendering. */
export class Run {
  private steps = 0;

  constructor(
    readonly globals: ReadonlyMap<string, unknown>,
    /** Written before and after what stands in `{% generation %}`. */
    readonly marks?: readonly [open: string, close: string],
  ) {}

  /** Throws TemplateFailure when the template has run for too long. */
  countStep(): void {
    if (++this.steps > maxSteps) throw new TemplateFailure('it takes too long to run');
  }
}

/** Names that a block, loop or macro has for itself, within those around it. */
export class Scope {
  private readonly names = new Map<string, unknown>();

  constructor(
    readonly run: Run,
    private readonly outer?: Scope,
  ) {}

  inner(): Scope {
    return new Scope(this.run, this);
  }

  set(name: string, value: unknown): void {
    this.names.set(name, value);
  }

  get(name: string): unknown {
    const value = this.find(name);
    return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
  }

  private find(name: string): unknown {
    const value = this.names.get(name);
    if (value !== undefined) return value;
    return this.outer ? this.outer.find(name) : this.run.globals.get(name);
  }
}

/** The text that a template or a block writes. */
export class Output {
  text = '';

  write(value: unknown): void {
    this.text += printText(value);
    if (this.text.length > maxText) throw new TemplateFailure('it writes a text without end');
  }
}

const nothing = Symbol('nothing');

/** The iterations of a `{% for %}`, and the variable `loop` in them. */
export class Loop {
  private index = -1;
  private iterator: Iterator<unknown>;
  private before: unknown = nothing;
  private current: unknown = nothing;
  /** What comes next, once somebody has asked. */
  private peeked: unknown = nothing;
  private hasEnded = false;
  private length: number | undefined;
  private changedValues: readonly unknown[] | undefined;
  readonly variable: Callable;

  constructor(
    private readonly values: unknown,
    recurse: ((values: unknown, depth: number) => string) | undefined,
    private readonly depth: number,
  ) {
    this.iterator = iterate(values);
    this.variable = new Callable(
      'loop',
      ([inner]) => {
        if (recurse) return recurse(inner, depth + 1);
        throw new TemplateFailure("The loop must have the 'recursive' marker to be called recursively.");
      },
      (name) => this.field(name),
      () => `<LoopContext ${this.index + 1}/${this.countAll()}>`,
    );
  }

  /** Goes on to the next value; false at the end. */
  advance(): boolean {
    if (!this.peek()) return false;
    this.before = this.current;
    this.current = this.peeked;
    this.peeked = nothing;
    this.index++;
    return true;
  }

  get value(): unknown {
    return this.current;
  }

  private peek(): boolean {
    if (this.peeked !== nothing) return true;
    if (this.hasEnded) return false;
    const next = this.iterator.next();
    this.hasEnded = next.done === true;
    if (!this.hasEnded) this.peeked = next.value;
    return !this.hasEnded;
  }

  private countAll(): number {
    if (this.length !== undefined) return this.length;
    if (!(this.values instanceof Generator)) return (this.length = lengthOf(this.values));
    const rest: unknown[] = [];
    while (this.peek()) {
      rest.push(this.peeked);
      this.peeked = nothing;
    }
    this.iterator = rest[Symbol.iterator]();
    this.hasEnded = false;
    return (this.length = this.index + 1 + rest.length);
  }

  private field(name: string): unknown {
    switch (name) {
      case 'index':
        return this.index + 1;
      case 'index0':
        return this.index;
      case 'first':
        return this.index === 0;
      case 'last':
        return !this.peek();
      case 'length':
        return this.countAll();
      case 'revindex':
        return this.countAll() - this.index;
      case 'revindex0':
        return this.countAll() - this.index - 1;
      case 'depth':
        return this.depth + 1;
      case 'depth0':
        return this.depth;
      case 'previtem':
        return this.index === 0 ? new Undefined('there is no previous item') : this.before;
      case 'nextitem':
        return this.peek() ? this.peeked : new Undefined('there is no next item');
      case 'cycle':
        return new Callable(name, (items) => {
          if (items.length === 0) throw new TemplateFailure('no items for cycling given');
          return items[this.index % items.length];
        });
      case 'changed':
        return new Callable(name, (items) => this.hasChanged(items));
      default:
        return undefined;
    }
  }

  private hasChanged(items: readonly unknown[]): boolean {
    const last = this.changedValues;
    if (last && isEqual(last, items)) return false;
    this.changedValues = items;
    return true;
  }
}

/** Texts of several values, joined: Jinja's `~`. */
export function concatenate(values: readonly unknown[]): string {
  return values.reduce<string>((text, value) => add(text, printText(value)) as string, '');
}
