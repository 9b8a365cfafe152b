/** Regular expressions that somebody else wrote, run on the module paths of a model so that they always end. */
import { execFileSync } from 'node:child_process';
import vm from 'node:vm';
import { LoraConfigError } from '#lora/config.js';
import { reasonOf, type RegexSource } from '#lora/target-modules-regex.js';

/** Long enough for any honest expression on thousands of paths; one that backtracks for ever ends here. */
const maxMilliseconds = 1000;
/** With the start of a process on a busy machine. */
const maxProcessMilliseconds = 3000;
const maxOutputBytes = 256 * 1024 * 1024;

/** Up to here V8 compiles any expression in a few milliseconds. */
const plainCharacters = 2000;
const plainRepetitions = 4;

type Matches = (string | null)[][];

const program = `(expressions, paths) => expressions.map(({ source, flags }) => {
  const expression = new RegExp(source, flags);
  return paths.map((path) => {
    const match = expression.exec(path);
    return match && (match.groups?.idx ?? '');
  });
})`;

/**
 * Runs every expression on every path: null where it does not match, otherwise the text of its group `idx` or ''.
 *
 * The result is indexed [expression][path]. Throws LoraConfigError for `field` if that takes longer than some seconds, and
 * for what V8 cannot compile. Expressions that may take long to compile run in a process of their own: V8's limit on
 * scripts ends their matching only.
 */
export function matchPaths(
  expressions: readonly RegexSource[],
  paths: readonly string[],
  field: string,
): Matches {
  if (expressions.length === 0) return [];
  const call = `(${program})(${JSON.stringify(expressions)}, ${JSON.stringify(paths)})`;
  try {
    return arePlain(expressions) ? matchHere(call) : matchApart(call);
  } catch (error) {
    const { code, status, signal } = error as NodeJS.ErrnoException & { status?: number; signal?: string };
    const isLate = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' || code === 'ETIMEDOUT';
    // A process that V8 itself ended, for lack of memory.
    const isBroken = typeof status === 'number' || typeof signal === 'string';
    if (!isLate && !isBroken && !isOfExpression(error)) throw error;
    const problem = isLate
      ? `a regular expression took longer than ${maxMilliseconds} ms on ${paths.length} module paths`
      : `a regular expression cannot be used: ${reasonOf(error)}`;
    throw new LoraConfigError([
      { field, problem, fix: 'write it shorter, without repetitions inside repetitions' },
    ]);
  }
}

function arePlain(expressions: readonly RegexSource[]): boolean {
  const sources = expressions.map(({ source }) => source);
  const isPlain = (source: string) =>
    source.length <= plainCharacters && (source.match(/\)[*+?{]/g)?.length ?? 0) <= plainRepetitions;
  return (
    sources.every(isPlain) && sources.reduce((sum, { length }) => sum + length, 0) <= 50 * plainCharacters
  );
}

function matchHere(call: string): Matches {
  return vm.runInThisContext(call, { timeout: maxMilliseconds }) as Matches;
}

function matchApart(call: string): Matches {
  const script = `
    const write = (answer) => require('node:fs').writeFileSync(1, JSON.stringify(answer));
    try { write({ matches: require('node:vm').runInThisContext(require('node:fs').readFileSync(0, 'utf8'), { timeout: ${maxMilliseconds} }) }); }
    catch ({ name, code, message }) { write({ error: { name, code, message } }); }`;
  const output = execFileSync(process.execPath, ['-e', script], {
    input: call,
    env: {},
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: maxProcessMilliseconds,
    killSignal: 'SIGKILL',
    maxBuffer: maxOutputBytes,
  });
  const answer = JSON.parse(output) as { matches: Matches } | { error: Error };
  if ('error' in answer) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer.matches;
}

/** Compiling one fails with a SyntaxError, or a RangeError where it is nested too deep; in another realm's classes. */
function isOfExpression(error: unknown): boolean {
  return ['SyntaxError', 'RangeError'].includes((error as Error).name);
}
