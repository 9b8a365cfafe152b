/**
 * Regular expressions of PEFT configurations: written for Python's `re`, in JavaScript's syntax.
 *
 * What both languages share is passed on, what only Python writes differently is translated, the rest is refused by name.
 */
import { quote } from '#base/quote.js';
import { LoraConfigError } from '#lora/config.js';

/** A regular expression in JavaScript's syntax. */
export interface RegexSource {
  readonly source: string;
  readonly flags: string;
}

/** `re.fullmatch(pattern, path)`; `field` names the place in the configuration for errors. */
export function pythonFullmatch(pattern: string, field: string): RegexSource {
  const { source, flags } = translate(pattern, field);
  return { source: `^(?:${source})$`, flags };
}

/** `re.match(pattern, path)`, which is anchored at the start only. */
export function pythonMatch(pattern: string, field: string): RegexSource {
  const { source, flags } = translate(pattern, field);
  return { source: `^(?:${source})`, flags };
}

/** Escapes that mean the same in both languages, inside and outside of a class. */
const sharedEscapes = /^[dDwWsSbBnrtfvxu1-9]$/;

function translate(pattern: string, field: string): RegexSource {
  const refuse = (problem: string, fix: string) =>
    new LoraConfigError([{ field, problem: `the regular expression ${quote(pattern)} ${problem}`, fix }]);
  let source = '';
  let flags = '';
  let i = 0;
  const take = (length: number) => pattern.slice(i, (i += length));

  const escape = (inClass: boolean) => {
    const escaped = take(2)[1];
    if (escaped === undefined) throw refuse('ends in a backslash', 'escape it with another one');
    if (!inClass && escaped === 'A') source += '(?<![^])';
    else if (!inClass && escaped === 'Z') source += '(?![^])';
    else if (escaped === 'a') source += '\\x07';
    else if (sharedEscapes.test(escaped) || !/[0-9A-Za-z]/.test(escaped)) source += `\\${escaped}`;
    else throw refuse(`has the escape \\${escaped}`, 'write the character itself');
  };

  const characterClass = () => {
    source += take(pattern[i + 1] === '^' ? 2 : 1);
    // In Python a bracket right after the opening one is an ordinary character.
    if (pattern[i] === ']') source += `\\${take(1)}`;
    while (pattern[i] !== ']') {
      if (pattern[i] === undefined) throw refuse('has a class without its closing bracket', 'add "]"');
      if (pattern[i] === '\\') escape(true);
      else source += take(1);
    }
    source += take(1);
  };

  const group = () => {
    const rest = pattern.slice(i);
    const inlineFlags = /^\(\?([aiLmsux]+)\)/.exec(rest);
    const named = /^\(\?P<(\w+)>/.exec(rest);
    const reference = /^\(\?P=(\w+)\)/.exec(rest);
    const commentEnd = rest.startsWith('(?#') ? rest.indexOf(')') + 1 : 0;
    if (inlineFlags) {
      if (i > 0) throw refuse(`has ${inlineFlags[0]} inside`, 'put flags at its very start');
      if (/[Lx]/.test(inlineFlags[1]!)) throw refuse(`has ${inlineFlags[0]}`, 'use a, i, m, s and u only');
      flags = [...new Set(inlineFlags[1]!.replace(/[au]/g, ''))].join('');
      i += inlineFlags[0].length;
    } else if (named) {
      source += `(?<${named[1]}>`;
      i += named[0].length;
    } else if (reference) {
      source += `\\k<${reference[1]}>`;
      i += reference[0].length;
    } else if (commentEnd > 0) {
      i += commentEnd;
    } else if (!rest.startsWith('(?') || /^\(\?(:|=|!|<=|<!)/.test(rest)) {
      source += take(1);
    } else {
      const kind = rest.startsWith('(?<')
        ? 'write (?P<name>...) for a named group'
        : 'use a plain group (?:...)';
      throw refuse(`has ${rest.slice(0, 4)}...`, kind);
    }
  };

  while (i < pattern.length) {
    const char = pattern[i]!;
    const quantifier = /^(?:[*+?]|\{\d*,?\d*\})/.exec(pattern.slice(i));
    if (char === '\\') escape(false);
    else if (char === '[') characterClass();
    else if (char === '(') group();
    else if (quantifier && quantifier[0] !== '{}') {
      i += quantifier[0].length;
      if (pattern[i] === '+') throw refuse(`has the possessive ${quantifier[0]}+`, `write ${quantifier[0]}`);
      source += quantifier[0].replace('{,', '{0,');
    } else source += take(1);
  }
  try {
    void new RegExp(source, flags);
  } catch (error) {
    throw refuse(`is not valid: ${reasonOf(error)}`, 'correct it');
  }
  return { source, flags };
}

/** What V8 says of an expression, without the expression. */
export function reasonOf(error: unknown): string {
  const { message } = error as Error;
  return quote(message.slice(message.lastIndexOf('/') + 1).replace(/^\w*: /, ''), 200).slice(1, -1);
}
