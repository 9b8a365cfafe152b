/** How many single-character edits lead from one text to another (Levenshtein). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Longer texts are no typing errors, and comparing them would take long. */
const longestName = 100;
const maxCandidates = 5000;
/** Names that suggestions are looked for. */
const maxNames = 5;
const maxMilliseconds = 50;

/** What a few mistyped names most likely meant, as far as that is found in a moment. */
export function nearestOf(names: readonly string[], candidates: readonly string[]): string[] {
  const end = performance.now() + maxMilliseconds;
  const nearest = new Set<string>();
  for (const name of names.slice(0, maxNames)) {
    if (performance.now() > end) break;
    for (const candidate of nearestNames(name, candidates)) nearest.add(candidate);
  }
  return [...nearest];
}

/** The candidates that a mistyped name most likely meant: those at the smallest distance, if that is near at all. */
export function nearestNames(name: string, candidates: Iterable<string>, limit = 3): string[] {
  if (name.length > longestName) return [];
  let best = Number.POSITIVE_INFINITY;
  let nearest: string[] = [];
  for (const candidate of [...new Set(candidates)].slice(0, maxCandidates)) {
    const near = Math.max(2, Math.min(name.length, candidate.length) / 2);
    // At least as many edits as one text is longer than the other.
    if (Math.abs(name.length - candidate.length) > Math.min(near, best)) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance > near || distance > best) continue;
    if (distance < best) nearest = [];
    nearest.push(candidate);
    best = distance;
  }
  return nearest.slice(0, limit);
}
