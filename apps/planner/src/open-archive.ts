/** Archives of adapters that somebody sent. */
import { open, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { kohyaBase } from '#adapters/read-kohya.js';
import { LowrankError } from '#base/errors.js';
import { jsonFileProblem } from '#base/json-problem.js';
import { findOversized } from '#base/json-size.js';
import { type Found, findUnsound } from '#base/sound-values.js';
import { unpackAdapter } from './unpack.js';

/** A safetensors file that came without a configuration. */
export const lonelyFile = 'lora.safetensors';

/**
 * Takes an adapter out of an archive, or takes a safetensors file by itself as what kohya's tools write. Throws what
 * `unpackAdapter` throws, and LowrankError `adapter_config_invalid`.
 */
export async function openArchive(
  archive: string,
  folder: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ base: unknown }> {
  if (await isSafetensors(archive)) {
    const file = path.join(folder, lonelyFile);
    await rename(archive, file);
    // What is wrong with it is told when it is read, once the base is known.
    return { base: (await kohyaBase(file).catch(() => undefined)) ?? null };
  }
  await unpackAdapter(archive, folder, maxBytes, signal);
  const { base_model_name_or_path: base = null } = await readConfig(folder);
  return { base };
}

/** Whether a file begins with the length of a header and a JSON object. */
async function isSafetensors(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const [{ buffer, bytesRead }, { size }] = await Promise.all([
      handle.read(Buffer.alloc(9), 0, 9, 0),
      handle.stat(),
    ]);
    return bytesRead === 9 && buffer[8] === 0x7b && buffer.readBigUInt64LE() < BigInt(size);
  } finally {
    await handle.close();
  }
}

const maxConfigBytes = 1 << 20;

async function readConfig(folder: string): Promise<Record<string, unknown>> {
  const file = path.join(folder, ADAPTER_FILES.config);
  const refuse = (problem: string) =>
    new LowrankError('adapter_config_invalid', `${ADAPTER_FILES.config} ${problem}`, {
      details: { field: 'file' },
    });
  const refuseFound = (found: Found | undefined) => {
    if (found) throw refuse(`: ${found.field} ${found.problem}`);
  };
  const { size } = await stat(file);
  if (size > maxConfigBytes) throw refuse(`has more than ${maxConfigBytes} bytes`);
  const content = await readFile(file);
  const text = content.toString('utf8');
  refuseFound(findOversized(text));
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw refuse(jsonFileProblem(cause, content));
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw refuse('is not a JSON object');
  refuseFound(findUnsound(config));
  return config as Record<string, unknown>;
}
