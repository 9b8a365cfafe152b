/** Expressions of a template, with Jinja's precedence: the further down in this file, the tighter it binds. */
import type {
  Arguments,
  BinaryOperator,
  ComparisonOperator,
  Expression,
  Target,
} from '#data/jinja/syntax.js';
import { describeToken, type TokenStream } from '#data/jinja/token-stream.js';

const comparisons: readonly unknown[] = ['==', '!=', '<', '<=', '>', '>='];
const noArguments: Arguments = { positional: [], named: [] };
const constants: ReadonlyMap<unknown, unknown> = new Map<string, unknown>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);

/** How deep expressions may be nested. */
const maxDepth = 200;

export class ExpressionParser {
  private depth = 0;

  constructor(private readonly stream: TokenStream) {}

  /** An expression, or several with commas between as a tuple. */
  parseTuple({ hasCondition = true, endsAt }: { hasCondition?: boolean; endsAt?: string } = {}): Expression {
    const { items, isTuple } = this.parseItems(() => this.parse(hasCondition), endsAt);
    if (isTuple) return { kind: 'tuple', items };
    if (items[0]) return items[0];
    throw this.stream.fail(`Expected an expression, got '${describeToken(this.stream.current)}'`);
  }

  parse(hasCondition = true): Expression {
    if (++this.depth > maxDepth) throw this.stream.fail('expressions are nested too deep');
    const parsed = hasCondition ? this.parseCondition() : this.parseOr();
    this.depth--;
    return parsed;
  }

  /** What a value is put into: a name, several with commas between, or a field of a namespace. */
  parseTarget({
    endsAt,
    mayBeNamespace = false,
  }: { endsAt?: string; mayBeNamespace?: boolean } = {}): Target {
    const parse = (): Target => {
      if (this.stream.skip('operator', '(')) {
        const target = this.parseTarget();
        this.stream.expect('operator', ')');
        return target;
      }
      const name = this.parseNewName();
      if (!mayBeNamespace || !this.stream.skip('operator', '.')) return { kind: 'name', name };
      return { kind: 'namespace', name, field: this.stream.expectName() };
    };
    const { items, isTuple } = this.parseItems(parse, endsAt);
    if (isTuple) return { kind: 'tuple', targets: items };
    if (items[0]) return items[0];
    throw this.stream.fail(`Expected a name, got '${describeToken(this.stream.current)}'`);
  }

  parseNewName(): string {
    const name = this.stream.expectName();
    if (constants.has(name)) throw this.stream.fail(`can't assign to '${name}'`);
    return name;
  }

  /** Filters after a value or, where `isInline`, a first filter without the bar before it. */
  parseFilters(input: Expression, isInline = false): Expression {
    let filtered = input;
    while (isInline || this.stream.skip('operator', '|')) {
      isInline = false;
      const name = this.parseDottedName();
      const args = this.stream.is('operator', '(') ? this.parseArguments() : noArguments;
      filtered = { kind: 'filter', input: filtered, name, args };
    }
    return filtered;
  }

  private parseItems<T>(parse: () => T, endsAt: string | undefined): { items: T[]; isTuple: boolean } {
    const items: T[] = [];
    let isTuple = false;
    while (!this.isAtEnd(endsAt)) {
      items.push(parse());
      if (!this.stream.skip('operator', ',')) break;
      isTuple = true;
    }
    return { items, isTuple };
  }

  private isAtEnd(endsAt: string | undefined): boolean {
    const { stream } = this;
    if (stream.is('variable_end') || stream.is('block_end') || stream.is('operator', ')')) return true;
    return endsAt !== undefined && stream.is('name', endsAt);
  }

  private parseCondition(): Expression {
    let value = this.parseOr();
    while (this.stream.skip('name', 'if')) {
      const test = this.parseOr();
      const otherwise = this.stream.skip('name', 'else') ? this.parse() : undefined;
      value = { kind: 'condition', test, value, otherwise };
    }
    return value;
  }

  private parseOr(): Expression {
    let left = this.parseAnd();
    while (this.stream.skip('name', 'or')) left = { kind: 'or', left, right: this.parseAnd() };
    return left;
  }

  private parseAnd(): Expression {
    let left = this.parseNot();
    while (this.stream.skip('name', 'and')) left = { kind: 'and', left, right: this.parseNot() };
    return left;
  }

  private parseNot(): Expression {
    return this.stream.skip('name', 'not')
      ? { kind: 'not', operand: this.parseNot() }
      : this.parseComparison();
  }

  private parseComparison(): Expression {
    const first = this.parseSum();
    const rest: { operator: ComparisonOperator; operand: Expression }[] = [];
    for (;;) {
      const operator = this.parseComparisonOperator();
      if (!operator) break;
      rest.push({ operator, operand: this.parseSum() });
    }
    return rest.length === 0 ? first : { kind: 'comparison', first, rest };
  }

  private parseComparisonOperator(): ComparisonOperator | undefined {
    const { stream } = this;
    if (stream.is('operator') && comparisons.includes(stream.current.value)) {
      return stream.next().value as ComparisonOperator;
    }
    if (stream.skip('name', 'in')) return 'in';
    if (!stream.is('name', 'not') || !stream.isFollowedBy('name', 'in')) return undefined;
    stream.next();
    stream.next();
    return 'not in';
  }

  private parseSum(): Expression {
    return this.parseBinary(['+', '-'], () => this.parseConcatenation());
  }

  private parseConcatenation(): Expression {
    const parts = [this.parseProduct()];
    while (this.stream.skip('operator', '~')) parts.push(this.parseProduct());
    return parts.length === 1 ? parts[0]! : { kind: 'concatenation', parts };
  }

  private parseProduct(): Expression {
    return this.parseBinary(['*', '/', '//', '%'], () => this.parseBinary(['**'], () => this.parseUnary()));
  }

  private parseBinary(operators: readonly BinaryOperator[], parse: () => Expression): Expression {
    let left = parse();
    while (this.stream.is('operator') && operators.includes(this.stream.current.value as BinaryOperator)) {
      const operator = this.stream.next().value as BinaryOperator;
      left = { kind: 'binary', operator, left, right: parse() };
    }
    return left;
  }

  private parseUnary(hasFilters = true): Expression {
    let value: Expression;
    if (this.stream.skip('operator', '-')) value = { kind: 'negative', operand: this.parseUnary(false) };
    else if (this.stream.skip('operator', '+')) value = { kind: 'positive', operand: this.parseUnary(false) };
    else value = this.parsePrimary();
    value = this.parsePostfix(value);
    return hasFilters ? this.parseFiltersAndTests(value) : value;
  }

  private parseFiltersAndTests(value: Expression): Expression {
    let result = value;
    for (;;) {
      if (this.stream.is('operator', '|')) result = this.parseFilters(result);
      else if (this.stream.skip('name', 'is')) result = this.parseTest(result);
      else if (this.stream.is('operator', '('))
        result = { kind: 'call', callee: result, args: this.parseArguments() };
      else return result;
    }
  }

  private parseTest(input: Expression): Expression {
    const { stream } = this;
    const isNegated = stream.skip('name', 'not');
    const name = this.parseDottedName();
    let args = noArguments;
    if (stream.is('operator', '(')) {
      args = this.parseArguments();
    } else if (this.beginsOperand()) {
      if (stream.is('name', 'is')) throw stream.fail('You cannot chain multiple tests with is');
      args = { positional: [this.parsePostfix(this.parsePrimary())], named: [] };
    }
    const test: Expression = { kind: 'test', input, name, args };
    return isNegated ? { kind: 'not', operand: test } : test;
  }

  private beginsOperand(): boolean {
    const { type, value } = this.stream.current;
    if (type === 'name') return value !== 'else' && value !== 'or' && value !== 'and';
    return (
      type === 'string' || type === 'number' || (type === 'operator' && (value === '[' || value === '{'))
    );
  }

  private parseDottedName(): string {
    let name = this.stream.expectName();
    while (this.stream.skip('operator', '.')) name += `.${this.stream.expectName()}`;
    return name;
  }

  private parsePostfix(value: Expression): Expression {
    let result = value;
    for (;;) {
      if (this.stream.skip('operator', '.')) result = this.parseField(result);
      else if (this.stream.skip('operator', '[')) result = this.parseItem(result);
      else if (this.stream.is('operator', '('))
        result = { kind: 'call', callee: result, args: this.parseArguments() };
      else return result;
    }
  }

  private parseField(object: Expression): Expression {
    if (!this.stream.is('number')) return { kind: 'field', object, name: this.stream.expectName() };
    return { kind: 'item', object, key: { kind: 'constant', value: this.stream.next().value } };
  }

  private parseItem(object: Expression): Expression {
    const parts: (Expression | undefined)[][] = [];
    while (!this.stream.is('operator', ']')) {
      if (parts.length > 0) this.stream.expect('operator', ',');
      parts.push(this.parseBounds());
    }
    this.stream.expect('operator', ']');
    const [first] = parts;
    if (parts.length === 1 && first!.length > 1) return { kind: 'slice', object, bounds: first! };
    if (parts.length === 1) return { kind: 'item', object, key: first![0]! };
    return { kind: 'item', object, key: { kind: 'tuple', items: parts.map(([key]) => key!) } };
  }

  /** One key, or the two or three bounds of a slice. */
  private parseBounds(): (Expression | undefined)[] {
    const isBound = (): boolean =>
      ![':', ']', ','].includes(this.stream.is('operator') ? String(this.stream.current.value) : '');
    const bounds: (Expression | undefined)[] = [isBound() ? this.parse() : undefined];
    while (bounds.length < 3 && this.stream.skip('operator', ':'))
      bounds.push(isBound() ? this.parse() : undefined);
    return bounds;
  }

  private parsePrimary(): Expression {
    const { stream } = this;
    const token = stream.next();
    if (token.type === 'name') {
      return constants.has(token.value)
        ? { kind: 'constant', value: constants.get(token.value) }
        : { kind: 'name', name: token.value as string };
    }
    if (token.type === 'number') return { kind: 'constant', value: token.value };
    if (token.type === 'string') {
      let value = token.value as string;
      while (stream.is('string')) value += stream.next().value as string;
      return { kind: 'constant', value };
    }
    if (token.type === 'operator') {
      if (token.value === '(') return this.parseParentheses();
      if (token.value === '[') return { kind: 'list', items: this.parseUpTo(']', () => this.parse()) };
      if (token.value === '{') return { kind: 'dict', entries: this.parseUpTo('}', () => this.parseEntry()) };
    }
    throw stream.fail(`unexpected '${describeToken(token)}'`, token.line);
  }

  private parseParentheses(): Expression {
    const { items, isTuple } = this.parseItems(() => this.parse(), undefined);
    this.stream.expect('operator', ')');
    return isTuple || items.length === 0 ? { kind: 'tuple', items } : items[0]!;
  }

  private parseEntry(): readonly [Expression, Expression] {
    const key = this.parse();
    this.stream.expect('operator', ':');
    return [key, this.parse()];
  }

  private parseUpTo<T>(close: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.stream.is('operator', close)) {
      if (items.length > 0) {
        this.stream.expect('operator', ',');
        if (this.stream.is('operator', close)) break;
      }
      items.push(parse());
    }
    this.stream.expect('operator', close);
    return items;
  }

  parseArguments(): Arguments {
    const { stream } = this;
    const open = stream.expect('operator', '(');
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    const spreads: { spread?: Expression; namedSpread?: Expression } = {};
    const ensure = (isAllowed: boolean): void => {
      if (!isAllowed) throw stream.fail('invalid syntax for function call expression', open.line);
    };
    this.parseUpTo(')', () => {
      ensure(spreads.namedSpread === undefined);
      if (stream.skip('operator', '*')) {
        ensure(spreads.spread === undefined);
        spreads.spread = this.parse();
      } else if (stream.skip('operator', '**')) {
        spreads.namedSpread = this.parse();
      } else if (stream.is('name') && stream.isFollowedBy('operator', '=')) {
        const name = stream.expectName();
        stream.next();
        named.push([name, this.parse()]);
      } else {
        ensure(spreads.spread === undefined && named.length === 0);
        positional.push(this.parse());
      }
    });
    return { positional, named, ...spreads };
  }
}
