/** The tokens of a template, one after another. */
import { type Token, TemplateSyntaxError, type TokenType } from '#data/jinja/lexer.js';

export class TokenStream {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  get current(): Token {
    return this.tokens[this.at]!;
  }

  /** The token after the current one. */
  get following(): Token {
    return this.tokens[this.at + 1] ?? this.tokens.at(-1)!;
  }

  /** The current token, passing on to the next. */
  next(): Token {
    const token = this.current;
    if (token.type !== 'end') this.at++;
    return token;
  }

  is(type: TokenType, value?: string): boolean {
    return matches(this.current, type, value);
  }

  isFollowedBy(type: TokenType, value?: string): boolean {
    return matches(this.following, type, value);
  }

  /** Passes over the current token if it is this one. */
  skip(type: TokenType, value?: string): boolean {
    if (!this.is(type, value)) return false;
    this.next();
    return true;
  }

  expect(type: TokenType, value?: string): Token {
    if (this.is(type, value)) return this.next();
    const wanted = value ?? type.replace('_', ' ');
    throw this.fail(
      this.current.type === 'end'
        ? `unexpected end of template, expected '${wanted}'`
        : `expected token '${wanted}', got '${describeToken(this.current)}'`,
    );
  }

  /** Of type name, and the name itself. */
  expectName(): string {
    return this.expect('name').value as string;
  }

  fail(message: string, line = this.current.line): TemplateSyntaxError {
    return new TemplateSyntaxError(message, line);
  }
}

function matches(token: Token, type: TokenType, value?: string): boolean {
  return token.type === type && (value === undefined || token.value === value);
}

export function describeToken({ type, value }: Token): string {
  return type === 'name' || type === 'operator' ? String(value) : type.replace('_', ' ');
}
