/** The quickstart's data files: one JSON object a line, `{"text": ...}`. */
import type { Corpus, CorpusText } from './corpus.js';
import { dropOverlapping } from './overlap.js';

/** Largest measured file; reading it three times must not take longer than the training it measures. */
const measuredBytes = 60_000;
/** Runs of this many words are long enough not to be shared by chance. */
const overlapWords = 10;

function passagesOf(texts: readonly CorpusText[]): string[] {
  return texts.flatMap((text) => text.passages);
}

function toJsonl(passages: readonly string[], maxBytes = Number.POSITIVE_INFINITY): string {
  const lines: string[] = [];
  let bytes = 0;
  for (const text of passages) {
    const line = `${JSON.stringify({ text })}\n`;
    bytes += Buffer.byteLength(line);
    if (bytes > maxBytes) break;
    lines.push(line);
  }
  return lines.join('');
}

/**
 * The files by name. Validation goes through other books than training.
 *
 * Rows that repeat ten words of the base text are left out of each file, and rows that repeat ten words of
 * train.jsonl out of the other two.
 */
export function quickstartFiles(corpus: Corpus): ReadonlyMap<string, string> {
  const base = passagesOf(corpus.base);
  const training = dropOverlapping(passagesOf(corpus.adapter), base, overlapWords);
  const unseen = (texts: readonly CorpusText[]): string[] =>
    dropOverlapping(passagesOf(texts), [...base, ...training], overlapWords);
  return new Map([
    ['train.jsonl', toJsonl(training)],
    ['validation.jsonl', toJsonl(unseen(corpus['adapter-validation']), measuredBytes)],
    ['control.jsonl', toJsonl(unseen(corpus.control), measuredBytes)],
  ]);
}
