import type { ErrorCode } from '#base/error-codes.js';
import { LowrankError } from '#base/errors.js';
import { jsonProblem } from '#base/json-problem.js';
import { DTYPE_BITS, isDtype } from '#models/safetensors-dtype.js';
import type { Dtype } from '#models/safetensors-dtype.js';

/** Where one tensor lies in a safetensors file. */
export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Of the first byte, from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** What a reader accepts, so that a header cannot exhaust it. */
export interface SafetensorsLimits {
  readonly maxHeaderBytes: number;
  readonly maxTensors: number;
}

/** What to do where downloading or writing the file again would not help. */
const fixes: Partial<Readonly<Record<ErrorCode, string>>> = {
  safetensors_not_a_file: 'put the safetensors file in its place',
  safetensors_too_many_tensors: 'split it into several files',
  safetensors_unknown_dtype: 'save the tensors as F32, BF16 or F16',
  safetensors_integer_too_large: 'only smaller numbers can be read',
};

/** A safetensors file that lies about itself; `code` says which lie. The message ends with what to do. */
export class SafetensorsError extends LowrankError {
  constructor(
    code: ErrorCode,
    file: string,
    problem: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    const fix = fixes[code] ?? 'download the file again, or write it anew with the safetensors library';
    super(code, `${file}: ${problem}; ${fix}`, { details: { file, ...details } });
  }
}

/** More than any framework has; products of longer shapes would take long. */
const MAX_DIMENSIONS = 64;

interface Header {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Checks the JSON header of a safetensors file of `fileSize` bytes; `path` names the file in messages.
 *
 * The tensors must cover the bytes after the header exactly: no hole, no overlap, no rest.
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  path: string,
  fileSize: number,
  limits: SafetensorsLimits,
): Header {
  const json = parseJson(header, path);
  const { __metadata__: rawMetadata, ...rawTensors } = json;
  const names = Object.keys(rawTensors);
  if (names.length > limits.maxTensors) {
    throw new SafetensorsError(
      'safetensors_too_many_tensors',
      path,
      `lists ${names.length} tensors, the limit is ${limits.maxTensors}`,
      { tensors: names.length, limit: limits.maxTensors },
    );
  }
  const dataStart = 8 + header.length;
  const tensors = names.map((name): [string, TensorEntry] => [
    name,
    parseEntry(name, rawTensors[name], path, dataStart),
  ]);
  tensors.sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkCoverage(tensors, path, dataStart, fileSize);
  return { tensors: new Map(tensors), metadata: parseMetadata(rawMetadata, path) };
}

function parseJson(header: Uint8Array, path: string): Record<string, unknown> {
  if (header[0] !== 0x7b) {
    throw new SafetensorsError(
      'safetensors_header_not_json',
      path,
      'has a header that does not begin with "{"; it is not safetensors',
    );
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw new SafetensorsError('safetensors_header_not_utf8', path, 'has a header that is not UTF-8');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new SafetensorsError(
      'safetensors_header_not_json',
      path,
      `has a header that ${jsonProblem(error)}`,
    );
  }
  const twice = findDuplicateKey(text);
  if (twice !== undefined) {
    throw new SafetensorsError(
      'safetensors_duplicate_key',
      path,
      `has a header that names ${JSON.stringify(twice)} twice; readers would disagree about its value`,
      { key: twice },
    );
  }
  return json as Record<string, unknown>;
}

/** The first key that one object of a JSON text names twice; the text must be valid JSON. */
function findDuplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let expectsKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      expectsKey = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === ',') {
      expectsKey = open.at(-1) !== undefined;
    } else if (char === '"') {
      const start = i++;
      while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
      if (!expectsKey) continue;
      expectsKey = false;
      const key = JSON.parse(text.slice(start, i + 1)) as string;
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function parseEntry(name: string, raw: unknown, path: string, dataStart: number): TensorEntry {
  const fail = (code: ErrorCode, problem: string, details: Readonly<Record<string, unknown>> = {}) =>
    new SafetensorsError(code, path, `tensor ${JSON.stringify(name)} ${problem}`, {
      tensor: name,
      ...details,
    });
  if (/\p{Surrogate}/u.test(name)) throw fail('safetensors_entry_invalid', 'has a name that is not Unicode');
  const { dtype, shape, data_offsets: offsets } = (isObject(raw) ? raw : {}) as Record<string, unknown>;
  if (!isSizes(shape) || shape.length > MAX_DIMENSIONS) {
    const shown = JSON.stringify(shape)?.slice(0, 100);
    throw fail(
      'safetensors_entry_invalid',
      `has no shape of at most ${MAX_DIMENSIONS} whole numbers: ${shown}`,
    );
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fail(
      'safetensors_entry_invalid',
      `has no pair of data_offsets: ${JSON.stringify(offsets)?.slice(0, 100)}`,
    );
  }
  if (!isDtype(dtype)) {
    throw fail('safetensors_unknown_dtype', `has the unknown dtype ${JSON.stringify(dtype)}`, { dtype });
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) {
    throw fail('safetensors_offsets_invalid', `ends at byte ${end} before it begins at ${begin}`, {
      begin,
      end,
    });
  }
  const bits = shape.reduce((product, length) => product * BigInt(length), BigInt(DTYPE_BITS[dtype]));
  if (bits % 8n !== 0n || bits / 8n !== BigInt(end - begin)) {
    throw fail(
      'safetensors_size_mismatch',
      `[${shape.join(', ')}] of ${dtype} needs ${Number(bits) / 8} bytes, its data_offsets span ${end - begin}`,
      { shape, dtype, begin, end },
    );
  }
  return { dtype, shape, offset: dataStart + begin, byteLength: end - begin };
}

function checkCoverage(
  tensors: readonly (readonly [string, TensorEntry])[],
  path: string,
  dataStart: number,
  fileSize: number,
): void {
  let expected = dataStart;
  for (const [name, { offset, byteLength }] of tensors) {
    if (offset !== expected) {
      const overlap = offset < expected;
      throw new SafetensorsError(
        overlap ? 'safetensors_overlap' : 'safetensors_hole',
        path,
        `tensor ${JSON.stringify(name)} begins at byte ${offset - dataStart} of the data, ` +
          `the tensor before it ends at ${expected - dataStart}: ` +
          (overlap ? 'they overlap' : 'bytes between them belong to nobody'),
        { tensor: name, begin: offset - dataStart, expected: expected - dataStart },
      );
    }
    expected = offset + byteLength;
  }
  if (expected !== fileSize) {
    const [last] = tensors.at(-1) ?? ['(none)'];
    throw new SafetensorsError(
      expected > fileSize ? 'safetensors_truncated' : 'safetensors_trailing_bytes',
      path,
      `the last tensor ${JSON.stringify(last)} ends at byte ${expected} of the file, which has ${fileSize} bytes`,
      { tensor: last, expected, size: fileSize },
    );
  }
}

function parseMetadata(raw: unknown, path: string): Record<string, string> {
  if (raw === undefined) return {};
  const bad = isObject(raw) ? Object.entries(raw).find(([, value]) => typeof value !== 'string') : ['', raw];
  if (bad !== undefined) {
    throw new SafetensorsError(
      'safetensors_metadata_invalid',
      path,
      `has __metadata__ that is not text by text: ${JSON.stringify(bad).slice(0, 200)}`,
    );
  }
  return raw as Record<string, string>;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
