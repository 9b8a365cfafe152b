/** Files of other formats, so that an error can name what was given and say what to do with it. */
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import type { FileHead } from '#data/formats/row-source.js';

const magicNumbers: readonly (readonly [string, string, string])[] = [
  // Of what was packed once the content is looked at.
  ['1f8b', 'packed twice', 'Unpack it once (gunzip).'],
  ['504b0304', 'packed twice', 'Unpack it once.'],
  ['504b0506', 'an empty ZIP archive', 'Pack one data file.'],
  ['28b52ffd', 'Zstandard', 'Decompress it first (unzstd).'],
  ['fd377a585a00', 'xz', 'Decompress it first (unxz).'],
  ['425a68', 'bzip2', 'Decompress it first (bunzip2).'],
  ['50415245', 'encrypted Parquet', 'Write it without encryption.'],
  ['4152524f5731', 'Arrow', 'Convert it, for instance with datasets: Dataset.from_file(file).to_json(name).'],
  ['25504446', 'PDF', 'Extract the text and write it as rows of {"text": "..."}.'],
  ['fffe0000', 'UTF-32', 'Save it as UTF-8.'],
  ['0000feff', 'UTF-32', 'Save it as UTF-8.'],
];

/** Names the format of a text that is not read, with the fix; undefined if it is none of these. */
export function describeForeignText({ firstLine }: FileHead): string | undefined {
  return firstLine && describeText(firstLine.text);
}

/** The same of a file that is no text. */
export function describeBinary(start: Buffer): string | undefined {
  if (isGitLfsPointer(start)) return `this ${gitLfsPointer}`;
  const hex = start.subarray(0, 8).toString('hex');
  const found = magicNumbers.find(([magic]) => hex.startsWith(magic));
  return found && `this is ${found[1]}, not a data file that is read. ${found[2]}`;
}

const columnHint = 'Let the first row name them: messages, prompt and completion, text, or text and label.';

function describeText(line: string): string | undefined {
  const text = line.trim();
  if (text.startsWith('[')) {
    return `this is a JSON array of something else than objects. Write [{"messages": [...]}, ...].`;
  }
  if (text === '{') {
    return `this is JSON spread over several lines. Write each object on one line (jq -c . file.json).`;
  }
  if (/^<(?:!doctype|html|\?xml)\b/i.test(text)) {
    return 'this is a web page, not a data set: the download went wrong. Download the file itself.';
  }
  if (text.startsWith('{')) return undefined;
  if (text.includes('\t'))
    return `this looks like TSV (tab-separated values) without names of columns in its first row. ${columnHint}`;
  const cell = String.raw`(?:"[^"]*"|[\w .'-]+)`;
  if (new RegExp(`^${cell}(?:,${cell})+$`).test(text))
    return `this looks like CSV without names of columns in its first row. ${columnHint}`;
  return undefined;
}
