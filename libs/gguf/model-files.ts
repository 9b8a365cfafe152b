/**
 * The files that describe a model, of a folder or of a GGUF file. Such a file stands for a folder that holds it, and
 * config.json, generation_config.json, tokenizer.json and tokenizer_config.json as its metadata has them.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { configFields } from '#gguf/config-file.js';
import { type GgufFile, readGgufHeader } from '#gguf/read.js';
import { Metadata } from '#gguf/metadata.js';
import { stopTokens, tokenizerConfigText, tokenizerText } from '#gguf/tokenizer-files.js';

/** Whether a base model is named by a GGUF file, not by a folder. */
export const isGgufPath = (model: string): boolean => /\.gguf$/i.test(model);

const described: Readonly<Record<string, (metadata: Metadata) => string | Promise<string>>> = {
  'config.json': async (metadata) => JSON.stringify(await configFields(metadata), undefined, 2),
  'generation_config.json': (metadata) => JSON.stringify({ eos_token_id: stopTokens(metadata) }),
  'tokenizer.json': tokenizerText,
  'tokenizer_config.json': tokenizerConfigText,
};

/** The file that was read last, for a model's files are asked for one after another. */
let last: { readonly key: string; readonly metadata: Promise<Metadata> } | undefined;

/** The header of a GGUF file. Throws what `readGgufHeader` throws. */
export async function ggufMetadata(file: string): Promise<Metadata> {
  const { size, mtimeMs, ino } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0, ino: 0 }));
  const key = `${file} ${size} ${mtimeMs} ${ino}`;
  if (last?.key !== key) {
    const metadata = readGgufHeader(file).then((header: GgufFile) => new Metadata(header));
    last = { key, metadata };
    // What failed may be mended.
    metadata.catch(() => (last = undefined));
  }
  return last.metadata;
}

/** The names of a model's files. Throws as `readdir` does. */
export async function listModelFiles(model: string): Promise<string[]> {
  if (!isGgufPath(model)) return readdir(model);
  await stat(model);
  return [path.basename(model), ...Object.keys(described)];
}

/** Where a file of a model lies; one that a GGUF file describes lies nowhere. */
export const modelFilePath = (model: string, name: string): string =>
  isGgufPath(model) && name === path.basename(model) ? model : path.join(model, name);

/** A file of a model. Throws as `readFile` does, and what `readGgufHeader` throws. */
export async function readModelFile(model: string, name: string): Promise<Buffer> {
  const describe = isGgufPath(model) && Object.hasOwn(described, name) ? described[name] : undefined;
  if (!describe) {
    // The parts of a path that is no folder are missing, not broken.
    if (isGgufPath(model)) throw Object.assign(new Error(`no ${name} in ${model}`), { code: 'ENOENT' });
    return readFile(path.join(model, name));
  }
  return Buffer.from(await describe(await ggufMetadata(model)));
}
