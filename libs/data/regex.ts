/**
 * Regular expressions of tokenizer.json, as JavaScript ones. They are written for Oniguruma with Unicode on;
 * @huggingface/tokenizers holds the translation and offers it only through its pre-tokenizer classes.
 */
import * as library from '@huggingface/tokenizers';
import { UnsupportedError } from '#base/errors.js';

// The package's declaration files name each other without extensions, which `module: nodenext` cannot follow.
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (config: { type: 'Split'; pattern: Pattern; behavior: 'Isolated' }) => {
    readonly pattern: RegExp | null;
  };
};

/** A pattern as tokenizer.json writes it: a literal string or a regular expression. */
export type Pattern = { readonly String: string } | { readonly Regex: string };

/** A global Unicode expression that matches what the pattern matches. Throws UnsupportedError if it has no translation. */
export function compilePattern(pattern: Pattern): RegExp {
  if ('String' in pattern) return new RegExp(escapeLiteral(pattern.String), 'gu');
  if (typeof pattern.Regex !== 'string') {
    throw new UnsupportedError(`tokenizer.json holds an unknown kind of pattern: ${JSON.stringify(pattern)}`);
  }
  let reason = '';
  try {
    const { pattern: compiled } = new SplitPreTokenizer({ type: 'Split', pattern, behavior: 'Isolated' });
    if (compiled) return compiled;
  } catch (error) {
    reason = ` (${String(error)})`;
  }
  throw new UnsupportedError(
    `tokenizer.json uses a regular expression that JavaScript cannot express: ${pattern.Regex}${reason}`,
    { pattern: pattern.Regex },
  );
}

function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
