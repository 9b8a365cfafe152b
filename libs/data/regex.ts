/** Regular expressions of tokenizer.json, which are written for Oniguruma with Unicode on, as JavaScript ones. */
import { toRegExp } from 'oniguruma-to-es';
import { UnsupportedError } from '#base/errors.js';

/** A pattern as tokenizer.json writes it: a literal string or a regular expression. */
export type Pattern = { readonly String: string } | { readonly Regex: string };

/** A global Unicode expression that matches what the pattern matches. Throws UnsupportedError if it has no translation. */
export function compilePattern(pattern: Pattern): RegExp {
  if ('String' in pattern) return new RegExp(escapeLiteral(pattern.String), 'gu');
  if (typeof pattern.Regex !== 'string') {
    throw new UnsupportedError(`tokenizer.json holds an unknown kind of pattern: ${JSON.stringify(pattern)}`);
  }
  try {
    // What every supported Node can run; strict refuses where JavaScript would match a little differently.
    return toRegExp(pattern.Regex, { target: 'ES2024', accuracy: 'strict', global: true });
  } catch (cause) {
    throw new UnsupportedError(
      `tokenizer.json uses a regular expression that JavaScript cannot express: ${pattern.Regex} (${(cause as Error).message})`,
      { pattern: pattern.Regex },
    );
  }
}

function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
