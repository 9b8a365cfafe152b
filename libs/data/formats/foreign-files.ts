/** Files and rows of other tools, so that an error can name what was given and say what to do with it. */

const MAGIC_NUMBERS: readonly (readonly [string, string, string])[] = [
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
  ['fffe', 'UTF-16', 'Save it as UTF-8.'],
  ['feff', 'UTF-16', 'Save it as UTF-8.'],
];

/** Names the format of a file by its first bytes, if it is one that cannot be JSON lines; with the fix. */
export function detectBinaryFormat(start: Uint8Array): string | undefined {
  const hex = Buffer.from(start.subarray(0, 8)).toString('hex');
  const found = MAGIC_NUMBERS.find(([magic]) => hex.startsWith(magic));
  return found && `this is ${found[1]}, not a file of JSON lines. ${found[2]}`;
}

const ROW_HINT =
  'Write one JSON object a line: {"messages": [...]}, {"prompt": "...", "completion": "..."} or {"text": "..."}.';

/** Names the format of a file by its first line that is not blank, if that is no JSON object; with the fix. */
export function detectTextFormat(line: string): string | undefined {
  const text = line.trim();
  if (text.startsWith('[')) {
    return `this is a JSON array, not JSON lines. Write each element on a line of its own (jq -c '.[]' file.json).`;
  }
  if (text === '{') {
    return `this is JSON spread over several lines. Write each object on one line (jq -c . file.json).`;
  }
  if (text.startsWith('{')) return undefined;
  if (text.includes('\t')) return `this looks like TSV (tab-separated values). ${ROW_HINT}`;
  const cell = String.raw`(?:"[^"]*"|[\w .'-]+)`;
  if (new RegExp(`^${cell}(?:,${cell})+$`).test(text)) return `this looks like CSV. ${ROW_HINT}`;
  return undefined;
}

/** Names the data set format of a row by its fields, if it is one of another tool; with the fix. */
export function detectForeignRow(row: Readonly<Record<string, unknown>>): string | undefined {
  const has = (...fields: string[]): boolean => fields.every((field) => field in row);
  if (has('chosen', 'rejected') || 'preferred_completion' in row || 'non_preferred_completion' in row) {
    return (
      'this is a preference (DPO) row. This data set is for supervised training: keep the preferred answer as the ' +
      'last message of {"messages": [...]}.'
    );
  }
  if (Array.isArray(row.conversations)) {
    return (
      'this is a ShareGPT row. Rename "conversations" to "messages", in it "from" to "role" (human is user, ' +
      'gpt is assistant) and "value" to "content".'
    );
  }
  if (has('instruction') && (has('output') || has('response'))) {
    return (
      'this is an Alpaca row. Write instruction and input as the user message and output as the assistant message ' +
      'of {"messages": [...]}, or as {"prompt": "...", "completion": "..."}.'
    );
  }
  if (has('input_ids')) {
    return 'this row is tokenized already. Give the text; it is tokenized with the tokenizer of the base model.';
  }
  return undefined;
}
