/** Parses a template into statements. */
import { tokenize } from '#data/jinja/lexer.js';
import { ExpressionParser } from '#data/jinja/parse-expression.js';
import type { Block, Expression, Signature, Statement } from '#data/jinja/syntax.js';
import { TokenStream } from '#data/jinja/token-stream.js';

/** The statements of a template. Throws TemplateSyntaxError. */
export function parseTemplate(source: string): Block {
  return new Parser(new TokenStream(tokenize(source))).parse();
}

const blockText: Expression = { kind: 'block-text' };
const maxDepth = 200;

class Parser {
  private readonly expressions: ExpressionParser;
  private depth = 0;

  constructor(private readonly stream: TokenStream) {
    this.expressions = new ExpressionParser(stream);
  }

  parse(): Block {
    return this.parseBlock([]);
  }

  /** Statements up to one of these tags, which is left as the current token. */
  private parseBlock(ends: readonly string[]): Block {
    if (++this.depth > maxDepth) throw this.stream.fail('blocks are nested too deep');
    const { stream } = this;
    const statements: Statement[] = [];
    while (!stream.is('end')) {
      if (stream.is('data')) {
        statements.push({ kind: 'text', text: stream.next().value as string });
      } else if (stream.skip('variable_begin')) {
        statements.push({ kind: 'print', value: this.expressions.parseTuple() });
        stream.expect('variable_end');
      } else {
        stream.expect('block_begin');
        if (stream.is('name') && ends.includes(stream.current.value as string)) {
          this.depth--;
          return statements;
        }
        statements.push(...this.parseStatement());
        stream.expect('block_end');
      }
    }
    if (ends.length > 0) {
      const wanted = ends.map((end) => `'${end}'`).join(' or ');
      throw stream.fail(`Unexpected end of template. Jinja was looking for the following tags: ${wanted}`);
    }
    this.depth--;
    return statements;
  }

  /** The body of a statement, and the tag that ends it, which is passed over. */
  private parseBody(...ends: string[]): { body: Block; end: string } {
    this.stream.skip('operator', ':');
    this.stream.expect('block_end');
    const body = this.parseBlock(ends);
    return { body, end: this.stream.expectName() };
  }

  private parseStatement(): readonly Statement[] {
    const { stream } = this;
    const token = stream.expect('name');
    switch (token.value) {
      case 'if':
        return [this.parseIf()];
      case 'for':
        return [this.parseFor()];
      case 'set':
        return [this.parseSet()];
      case 'with':
        return [this.parseWith()];
      case 'macro': {
        const name = this.expressions.parseNewName();
        const signature = this.parseSignature();
        return [{ kind: 'macro', name, signature, body: this.parseBody('endmacro').body }];
      }
      case 'call':
        return [this.parseCallBlock()];
      case 'filter': {
        const filter = this.expressions.parseFilters(blockText, true);
        return [{ kind: 'filter-block', filter, body: this.parseBody('endfilter').body }];
      }
      case 'generation':
        return [{ kind: 'generation', body: this.parseBody('endgeneration').body }];
      case 'break':
      case 'continue':
        return [{ kind: token.value }];
      case 'print':
        return this.parsePrint();
      case 'autoescape':
        this.expressions.parse();
        return [{ kind: 'scope', body: this.parseBody('endautoescape').body }];
      case 'block':
        return [this.parseNamedBlock()];
      case 'include':
      case 'import':
      case 'from':
      case 'extends':
        while (!stream.is('block_end') && !stream.is('end')) stream.next();
        return [{ kind: 'refusal', message: `'${token.value}': there are no other templates` }];
      default:
        throw stream.fail(`Encountered unknown tag '${String(token.value)}'.`, token.line);
    }
  }

  private parseIf(): Statement {
    const branches: [Expression, Block][] = [];
    for (;;) {
      const test = this.expressions.parseTuple({ hasCondition: false });
      const { body, end } = this.parseBody('elif', 'else', 'endif');
      branches.push([test, body]);
      if (end === 'elif') continue;
      return { kind: 'if', branches, otherwise: end === 'else' ? this.parseBody('endif').body : [] };
    }
  }

  private parseFor(): Statement {
    const { stream, expressions } = this;
    const target = expressions.parseTarget({ endsAt: 'in' });
    stream.expect('name', 'in');
    const values = expressions.parseTuple({ hasCondition: false, endsAt: 'recursive' });
    const test = stream.skip('name', 'if') ? expressions.parse() : undefined;
    const isRecursive = stream.skip('name', 'recursive');
    const { body, end } = this.parseBody('endfor', 'else');
    const otherwise = end === 'else' ? this.parseBody('endfor').body : [];
    return { kind: 'for', target, values, test, isRecursive, body, otherwise };
  }

  private parseSet(): Statement {
    const target = this.expressions.parseTarget({ mayBeNamespace: true });
    if (this.stream.skip('operator', '=')) {
      return { kind: 'set', target, value: this.expressions.parseTuple() };
    }
    const filter = this.expressions.parseFilters(blockText);
    return { kind: 'set-block', target, filter, body: this.parseBody('endset').body };
  }

  private parseWith(): Statement {
    const assignments: [ReturnType<ExpressionParser['parseTarget']>, Expression][] = [];
    while (!this.stream.is('block_end') && !this.stream.is('end')) {
      if (assignments.length > 0) this.stream.expect('operator', ',');
      const name = this.expressions.parseNewName();
      this.stream.expect('operator', '=');
      assignments.push([{ kind: 'name', name }, this.expressions.parse()]);
    }
    return { kind: 'with', assignments, body: this.parseBody('endwith').body };
  }

  private parseSignature(): Signature {
    const { stream, expressions } = this;
    const parameters: { name: string; otherwise: Expression | undefined }[] = [];
    stream.expect('operator', '(');
    while (!stream.is('operator', ')')) {
      if (parameters.length > 0) stream.expect('operator', ',');
      const name = expressions.parseNewName();
      const otherwise = stream.skip('operator', '=') ? expressions.parse() : undefined;
      if (!otherwise && parameters.at(-1)?.otherwise) {
        throw stream.fail('non-default argument follows default argument');
      }
      parameters.push({ name, otherwise });
    }
    stream.expect('operator', ')');
    return { parameters };
  }

  private parseCallBlock(): Statement {
    const signature = this.stream.is('operator', '(') ? this.parseSignature() : { parameters: [] };
    const call = this.expressions.parse();
    if (call.kind !== 'call') throw this.stream.fail('expected call');
    const { callee, args } = call;
    return { kind: 'call-block', callee, args, signature, body: this.parseBody('endcall').body };
  }

  private parsePrint(): Statement[] {
    const statements: Statement[] = [];
    while (!this.stream.is('block_end') && !this.stream.is('end')) {
      if (statements.length > 0) this.stream.expect('operator', ',');
      statements.push({ kind: 'print', value: this.expressions.parse() });
    }
    return statements;
  }

  private parseNamedBlock(): Statement {
    const name = this.stream.expectName();
    this.stream.skip('name', 'scoped');
    this.stream.skip('name', 'required');
    const { body } = this.parseBody('endblock');
    this.stream.skip('name', name);
    return { kind: 'scope', body };
  }
}
