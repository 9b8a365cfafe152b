import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { LowrankError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import { isGgufPath, modelFilePath } from '#gguf/model-files.js';
import { findWeightFiles, INDEX } from '#models/model-folder-files.js';

/** A digest that two folders share exactly if they hold the same model: `sha256:` and 64 hexadecimal digits. */
export type ModelIdentity = `sha256:${string}`;

/** What the file system says of a file; enough to see, without reading it, that it was probably not changed. */
export interface FileStatus {
  readonly size: number;
  /** Decimal nanoseconds: a double cannot hold them. */
  readonly mtimeNs: string;
  readonly inode: string;
}

/** One file of a model and what was in it. */
export interface ModelFile extends FileStatus {
  /** Its name in the model folder. */
  readonly name: string;
  readonly sha256: string;
}

/** How far hashing has come, over all files. */
export interface HashProgress {
  readonly file: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** How long work is watched and stopped. */
export interface HashOptions {
  /** Aborting it rejects with its reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: HashProgress) => void;
}

/** A base model whose files are no longer those that were registered. */
export class BaseChangedError extends LowrankError {
  constructor(folder: string, file: string, reason: string, fix: string) {
    super('base_changed', `base model ${folder}: ${file} ${reason}; ${fix}`, {
      details: { folder, file, reason },
    });
  }
}

/** Beside the weights, the files that decide what a model computes and how text becomes tokens. */
const DESCRIBING_FILES = [
  'config.json',
  INDEX,
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
];

/** What decides how a model has its images; one that reads texts may have it too, and leaves it alone. */
const IMAGES_FILE = 'preprocessor_config.json';

/** The names of the files in a folder that make up the model, sorted. */
export async function modelFileNames(folder: string): Promise<string[]> {
  const { files, index } = await findWeightFiles(folder);
  // What describes the model is in the file itself.
  if (isGgufPath(folder)) return files.map(({ name }) => name);
  const present = new Set(await readdir(folder));
  // The index of a model in one file is a leftover that nobody reads.
  const others = present.has('tokenizer.json') ? [] : [IMAGES_FILE];
  const describing = [...DESCRIBING_FILES, ...others].filter(
    (name) => present.has(name) && (name !== INDEX || index !== undefined),
  );
  return [...files.map(({ name }) => name), ...describing].sort();
}

/** SHA-256 over the sorted lines `name NUL sha256 LF` of a model's files. */
export function modelIdentity(files: readonly Pick<ModelFile, 'name' | 'sha256'>[]): ModelIdentity {
  const lines = files.map(({ name, sha256 }) => `${name}\0${sha256}\n`).sort();
  return `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`;
}

/** What the file system says of a file of the folder, links followed. Throws LowrankError `file_unreadable`. */
export async function fileStatus(folder: string, name: string): Promise<FileStatus> {
  const file = modelFilePath(folder, name);
  const { size, mtimeNs, ino } = await stat(file, { bigint: true }).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  return { size: Number(size), mtimeNs: String(mtimeNs), inode: String(ino) };
}

/**
 * Hashes files of a folder one after another.
 *
 * Throws BaseChangedError if a file changes while it is read, LowrankError `file_unreadable`, and the reason of the signal.
 */
export async function hashFiles(
  folder: string,
  names: readonly string[],
  { signal, onProgress }: HashOptions = {},
): Promise<ModelFile[]> {
  const before = await Promise.all(names.map((name) => fileStatus(folder, name)));
  const totalBytes = before.reduce((sum, { size }) => sum + size, 0);
  const files: ModelFile[] = [];
  let doneBytes = 0;
  for (const [i, name] of names.entries()) {
    const sha256 = await hashFile(modelFilePath(folder, name), before[i]!.size, signal, (bytes) => {
      doneBytes += bytes;
      onProgress?.({ file: name, doneBytes, totalBytes });
    });
    if (!isSameStatus(await fileStatus(folder, name), before[i]!)) {
      throw new BaseChangedError(
        folder,
        name,
        'was written to while it was hashed',
        'wait until it is complete',
      );
    }
    files.push({ name, sha256, ...before[i]! });
  }
  return files;
}

/** Whether size, modification time and inode are equal. */
export function isSameStatus(a: FileStatus, b: FileStatus): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.inode === b.inode;
}

function unreadable(file: string, cause: unknown): LowrankError {
  return new LowrankError('file_unreadable', `${file} ${fileProblem(cause)}`, { cause, details: { file } });
}

const CHUNK_BYTES = 4 << 20;

/** Hashes the first `size` bytes: a file that grows meanwhile must not keep the reader for ever. */
async function hashFile(
  file: string,
  size: number,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  try {
    for (let done = 0; done < size;) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK_BYTES, size - done));
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
      onBytes(bytesRead);
    }
    return hash.digest('hex');
  } finally {
    await handle.close();
  }
}
