/** From zod's issues to problems that name the field and say what to write instead. */
import type { ErrorCode } from '#base/error-codes.js';
import type { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { cut, listed, quote } from '#base/quote.js';

/** Problems that one answer names, and those that its message says in words. */
const maxProblems = 50;
const maxInWords = 10;
const longestPath = 200;

/** What is wrong with one field and what to write instead. */
export interface OptionProblem {
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

/** Options or a job with every problem they have. */
export class OptionsError extends LowrankError {
  constructor(
    code: ErrorCode,
    what: string,
    readonly problems: readonly OptionProblem[],
  ) {
    super(code, `${what} cannot be used: ${inWords(problems)}`, {
      details: { problems: problems.slice(0, maxProblems) },
    });
  }
}

/** Problems as a message says them: the first ones, and how many more there are. */
export function inWords(problems: readonly OptionProblem[]): string {
  const said = problems.slice(0, maxInWords).map(({ field, problem, fix }) => `${field}: ${problem}; ${fix}`);
  const more = problems.length > maxInWords ? `. And ${problems.length - maxInWords} more` : '';
  return `${said.join('. ')}${more}`;
}

/** The path of a field as messages show it. */
export function fieldOf(path: readonly PropertyKey[]): string {
  return cut(path.map((part) => cut(String(part))).join('.'), longestPath);
}

/** What is known of the fields of an object beside their types. */
export interface FieldGuide {
  /** What to write into each known field. */
  readonly fixes: Readonly<Record<string, string>>;
  /** Names that other programs have for a field here. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Fields that other programs have and that are not done here. */
  readonly unsupported: readonly string[];
}

/** The problems of an object, and the fields in it that are known of but not done. */
export interface Findings {
  readonly problems: readonly OptionProblem[];
  readonly refused: readonly string[];
}

/** Sorts the issues of a failed parse; a rule between fields brings its own fix as `params.fix`. */
export function findProblems(error: z.ZodError, input: unknown, guide: FieldGuide): Findings {
  const problems: OptionProblem[] = [];
  const refused: string[] = [];
  let hasListed = false;
  for (const issue of error.issues.slice(0, maxProblems)) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, maxProblems)) {
        const field = fieldOf([...issue.path, key]);
        if (issue.path.length === 0 && guide.unsupported.includes(key)) refused.push(field);
        else {
          problems.push(unknownField(field, key, guide, hasListed));
          hasListed ||= !(key in guide.aliases);
        }
      }
      continue;
    }
    const field = fieldOf(issue.path);
    const params = (issue.code === 'custom' ? (issue.params ?? {}) : {}) as { fix?: string };
    problems.push({
      field: field || '(all)',
      // "Invalid input" alone says less than the value does.
      problem:
        issue.message === 'Invalid input'
          ? `${quote(valueAt(input, issue.path))} is not understood`
          : issue.message,
      fix: params.fix ?? guide.fixes[String(issue.path[0] ?? '')] ?? 'give an object',
    });
  }
  return { problems, refused };
}

/** Throws what was found: problems first, since they can be put right. */
export function throwFindings(code: ErrorCode, what: string, { problems, refused }: Findings): never {
  if (problems.length > 0) throw new OptionsError(code, what, problems);
  throw new UnsupportedError(
    `${what} asks for what is not supported: ${listed(refused, maxInWords)}; leave these fields out`,
    { options: refused },
  );
}

/** The known fields are listed once: an answer to many unknown ones is not to be many times as long. */
function unknownField(
  field: string,
  key: string,
  { fixes, aliases }: FieldGuide,
  hasListed: boolean,
): OptionProblem {
  const alias = aliases[key];
  const listing = hasListed
    ? 'correct its name, or leave it out'
    : `known fields: ${Object.keys(fixes).join(', ')}`;
  const fix = alias ? `write ${alias}` : listing;
  return { field, problem: 'is not a known field', fix };
}

/** The value at a path. */
export function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    input,
  );
}
