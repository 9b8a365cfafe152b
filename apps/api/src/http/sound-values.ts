/** Values that no field may hold, whatever its schema says. */

const maxDepth = 32;

/**
 * The first place in a JSON value that the database cannot keep: a NUL character, half of a surrogate pair, or lists and
 * objects nested more than 32 deep. Undefined if there is none. Works without recursion, since depth is the client's.
 */
export function findUnsound(
  value: unknown,
): { readonly field: string; readonly problem: string } | undefined {
  const stack: { value: unknown; field: string; depth: number }[] = [{ value, field: '', depth: 0 }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value: found, field, depth } = top;
    if (typeof found === 'string') {
      const problem = textProblem(found);
      if (problem) return { field, problem };
    }
    if (typeof found !== 'object' || found === null) continue;
    if (depth === maxDepth) return { field, problem: `is nested more than ${maxDepth} deep` };
    for (const [key, item] of Object.entries(found)) {
      const inner = field === '' ? key : `${field}.${key}`;
      const problem = textProblem(key);
      if (problem) return { field, problem: `has a field whose name ${problem}` };
      stack.push({ value: item, field: inner.slice(0, 200), depth: depth + 1 });
    }
  }
  return undefined;
}

function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'has a NUL character';
  return /\p{Surrogate}/u.test(text) ? 'has half of a character (a lone \\ud8xx escape)' : undefined;
}
