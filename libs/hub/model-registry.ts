/**
 * Which base models this machine knows: one small JSON file for each, in a folder of its own name.
 *
 *     REGISTRY/NAME/model.json
 *
 * The folder of a name is made by one exclusive rename, so that of several registrations at once one wins and the
 * others see its result; no lock can be left behind.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { LowrankError } from '#base/errors.js';
import {
  BaseChangedError,
  fileStatus,
  hashFiles,
  isSameStatus,
  modelFileNames,
  modelIdentity,
} from '#hub/model-identity.js';
import type { FileStatus, HashOptions, ModelFile, ModelIdentity } from '#hub/model-identity.js';
import { openModelFolder } from '#models/model-folder.js';
import { writeFileAtomically, writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';

/** A base model as it was when it was registered. */
export interface ModelRecord {
  readonly format: 1;
  /** As jobs name it: `NAME` or `OWNER/NAME`. */
  readonly name: string;
  readonly folder: string;
  readonly architecture: string;
  readonly parameterCount: number;
  readonly identity: ModelIdentity;
  /** Sorted by name. */
  readonly files: readonly ModelFile[];
}

const RECORD_FILE = 'model.json';

const recordSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  folder: z.string(),
  architecture: z.string(),
  parameterCount: z.number(),
  identity: z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]),
  files: z.array(
    z.object({
      name: z.string(),
      size: z.number(),
      mtimeNs: z.string(),
      inode: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** What registering may be told. */
export interface RegisterOptions extends HashOptions {
  /** The last part of the folder's path unless given. */
  readonly name?: string;
  /** Whether a model of the same name with other content is replaced. */
  readonly replace?: boolean;
  readonly tokenizer?: 'required' | 'optional';
}

/**
 * Opens a model folder and hashes all its files; writes nothing.
 *
 * Throws the errors of `openModelFolder`, BaseChangedError and LowrankError `model_name_invalid`.
 */
export async function describeModel(
  folder: string,
  options: Omit<RegisterOptions, 'replace'> = {},
): Promise<ModelRecord> {
  const absolute = path.resolve(folder);
  const name = options.name ?? path.basename(absolute).replace(/\.gguf$/i, '');
  requireName(name);
  const { config, tree } = await openModelFolder(absolute, { tokenizer: options.tokenizer ?? 'required' });
  const files = await hashFiles(absolute, await modelFileNames(absolute), options);
  return {
    format: 1,
    name,
    folder: absolute,
    architecture: config.architecture,
    parameterCount: tree.parameterCount,
    identity: modelIdentity(files),
    files,
  };
}

/**
 * Records a model under its name.
 *
 * Throws LowrankError `model_name_taken` unless `replace`, `registry_corrupt` and `disk_full`.
 */
export async function saveModel(
  registry: string,
  record: ModelRecord,
  { replace = false }: { replace?: boolean } = {},
): Promise<void> {
  const home = recordFolder(registry, record.name);
  const bytes = [new TextEncoder().encode(`${JSON.stringify(record, undefined, 2)}\n`)];
  try {
    await writeFolderAtomically(home, (temporary) => writeFlushed(path.join(temporary, RECORD_FILE), bytes));
    return;
  } catch (error) {
    if (!(error instanceof LowrankError) || error.code !== 'folder_exists') throw error;
  }
  if (!replace) {
    const { name, folder, identity } = record;
    const existing = await getModel(registry, name);
    if (existing.identity !== identity || existing.folder !== folder) {
      throw new LowrankError(
        'model_name_taken',
        `the name ${name} is taken by ${existing.identity} in ${existing.folder}: register ${folder} under another name, or replace it`,
        { details: { name, existing: existing.identity, identity } },
      );
    }
  }
  await writeFileAtomically(path.join(home, RECORD_FILE), bytes);
}

/**
 * Opens a model folder, hashes all its files and records them under a name.
 *
 * Registering the same model again returns the record, with fresh file times if those differ. Throws the errors of
 * `openModelFolder`, BaseChangedError, LowrankError `model_name_invalid`, `model_name_taken`, `registry_corrupt` and
 * `disk_full`.
 */
export async function registerModel(
  folder: string,
  registry: string,
  options: RegisterOptions = {},
): Promise<ModelRecord> {
  const record = await describeModel(folder, options);
  await saveModel(registry, record, options);
  return record;
}

/** The record of a model; throws LowrankError `model_not_registered` or `registry_corrupt`. */
export async function getModel(registry: string, name: string): Promise<ModelRecord> {
  const file = path.join(recordFolder(registry, name), RECORD_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw corrupt(file, message, cause);
    throw new LowrankError('model_not_registered', `no base model is registered under the name ${name}`, {
      cause,
      details: { name, registry },
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw corrupt(file, (cause as Error).message, cause);
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) throw corrupt(file, z.prettifyError(parsed.error).replaceAll('\n', ' '));
  return parsed.data;
}

/** All registered models by name; records that cannot be read are set apart, so that they hide no others. */
export async function listModels(
  registry: string,
): Promise<{ readonly models: readonly ModelRecord[]; readonly broken: readonly LowrankError[] }> {
  const entries = await readdir(registry).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => !entry.startsWith('.')).map(decodeName);
  const models: ModelRecord[] = [];
  const broken: LowrankError[] = [];
  for (const name of names.sort()) {
    try {
      models.push(await getModel(registry, name));
    } catch (error) {
      if (!(error instanceof LowrankError)) throw error;
      broken.push(error);
    }
  }
  return { models, broken };
}

/**
 * Checks that a registered model is still what it was: by size, modification time and inode of every file, or with
 * `full` by reading all of them, whatever their times.
 *
 * Returns the record with the present times. Throws BaseChangedError for the first file that differs.
 */
export async function verifyModel(
  record: ModelRecord,
  options: HashOptions & { readonly full?: boolean } = {},
): Promise<ModelRecord> {
  const { folder } = record;
  const fix = 'restore it, or register the model under a new name';
  for (const { name, size } of record.files) {
    const status = await presentStatus(folder, name, fix);
    if (status.size !== size) {
      throw new BaseChangedError(folder, name, `has ${status.size} bytes instead of ${size}`, fix);
    }
  }
  const known = new Set(record.files.map(({ name }) => name));
  const added = (await modelFileNames(folder)).find((name) => !known.has(name));
  if (added !== undefined) throw new BaseChangedError(folder, added, 'was added', fix);

  if (options.full) {
    const files = await hashFiles(folder, [...known], options);
    const changed = files.findIndex(({ sha256 }, i) => sha256 !== record.files[i]!.sha256);
    if (changed >= 0) throw new BaseChangedError(folder, files[changed]!.name, 'has other content', fix);
    return { ...record, files };
  }
  for (const file of record.files) {
    if (isSameStatus(await presentStatus(folder, file.name, fix), file)) continue;
    throw new BaseChangedError(
      folder,
      file.name,
      'was written or replaced since',
      'if its content is the same, register the model again; otherwise restore it',
    );
  }
  return record;
}

async function presentStatus(folder: string, name: string, fix: string): Promise<FileStatus> {
  try {
    return await fileStatus(folder, name);
  } catch (cause) {
    const isMissing = ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    if (!isMissing) throw cause;
    throw new BaseChangedError(folder, name, 'is missing', fix);
  }
}

const nameSyntax = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/;

function recordFolder(registry: string, name: string): string {
  requireName(name);
  return path.join(registry, encodeURIComponent(name));
}

function requireName(name: string): void {
  if (!nameSyntax.test(name) || name.length > 200) {
    throw new LowrankError(
      'model_name_invalid',
      `${JSON.stringify(name.slice(0, 200))} is not a valid model name: use letters, digits, "_", "-" and "." as in NAME or OWNER/NAME`,
      { details: { name } },
    );
  }
}

function decodeName(entry: string): string {
  try {
    return decodeURIComponent(entry);
  } catch {
    // Nobody registered this; as it stands it is no valid name and gets reported.
    return entry;
  }
}

function corrupt(file: string, problem: string, cause?: unknown): LowrankError {
  return new LowrankError(
    'registry_corrupt',
    `the record ${file} cannot be read (${problem.slice(0, 300)}): remove its folder and register the model again`,
    { cause, details: { file } },
  );
}
