/** Files of other formats, so that an error can name what was given and say what to do with it. */
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import type { FileHead } from '#data/formats/row-source.js';

const magicNumbers: readonly (readonly [string, string, string])[] = [
  ['1f8b', 'gzip', 'Decompress it first (gunzip).'],
  ['504b0304', 'a ZIP archive', 'Unpack it first.'],
  ['28b52ffd', 'Zstandard', 'Decompress it first (unzstd).'],
  ['fd377a585a00', 'xz', 'Decompress it first (unxz).'],
  ['425a68', 'bzip2', 'Decompress it first (bunzip2).'],
  [
    '50415231',
    'Parquet',
    'Convert it, for instance with datasets: Dataset.from_parquet(file).to_json(name).',
  ],
  ['4152524f5731', 'Arrow', 'Convert it, for instance with datasets: Dataset.from_file(file).to_json(name).'],
  ['25504446', 'PDF', 'Extract the text and write it as rows of {"text": "..."}.'],
  ['fffe0000', 'UTF-32', 'Save it as UTF-8.'],
  ['0000feff', 'UTF-32', 'Save it as UTF-8.'],
  ['fffe', 'UTF-16', 'Save it as UTF-8.'],
  ['feff', 'UTF-16', 'Save it as UTF-8.'],
];

/** Names the format of a file that is not read, with the fix; undefined if it is none of these. */
export function describeForeignFile({ bytes, firstLine }: FileHead): string | undefined {
  return describeBinary(bytes) ?? (firstLine && describeText(firstLine.text));
}

function describeBinary(start: Buffer): string | undefined {
  if (isGitLfsPointer(start)) return `this ${gitLfsPointer}`;
  const hex = start.subarray(0, 8).toString('hex');
  const found = magicNumbers.find(([magic]) => hex.startsWith(magic)) ?? findUtf16(start);
  return found && `this is ${found[1]}, not a file of JSON lines. ${found[2]}`;
}

/** UTF-16 without a byte order mark: every other byte of what JSON begins with is zero. */
function findUtf16(start: Buffer): (typeof magicNumbers)[number] | undefined {
  const isZero = [0, 1, 2, 3].map((index) => start[index] === 0).join();
  const isUtf16 = isZero === 'false,true,false,true' || isZero === 'true,false,true,false';
  return isUtf16 ? ['', 'UTF-16', 'Save it as UTF-8.'] : undefined;
}

const rowHint =
  'Write one JSON object a line: {"messages": [...]}, {"prompt": "...", "completion": "..."} or {"text": "..."}.';

function describeText(line: string): string | undefined {
  const text = line.trim();
  if (text.startsWith('[')) {
    return `this is a JSON array, not JSON lines. Write each element on a line of its own (jq -c '.[]' file.json).`;
  }
  if (text === '{') {
    return `this is JSON spread over several lines. Write each object on one line (jq -c . file.json).`;
  }
  if (/^<(?:!doctype|html|\?xml)\b/i.test(text)) {
    return 'this is a web page, not a data set: the download went wrong. Download the file itself.';
  }
  if (text.startsWith('{')) return undefined;
  if (text.includes('\t')) return `this looks like TSV (tab-separated values). ${rowHint}`;
  const cell = String.raw`(?:"[^"]*"|[\w .'-]+)`;
  if (new RegExp(`^${cell}(?:,${cell})+$`).test(text)) return `this looks like CSV. ${rowHint}`;
  return undefined;
}
