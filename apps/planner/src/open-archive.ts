/** Archives of adapters that somebody sent. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { LowrankError } from '#base/errors.js';
import { jsonFileProblem } from '#base/json-problem.js';
import { findOversized } from '#base/json-size.js';
import { type Found, findUnsound } from '#base/sound-values.js';
import { unpackAdapter } from './unpack.js';

/** Throws what `unpackAdapter` throws, and LowrankError `adapter_config_invalid`. */
export async function openArchive(
  archive: string,
  folder: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ base: unknown }> {
  await unpackAdapter(archive, folder, maxBytes, signal);
  const { base_model_name_or_path: base = null } = await readConfig(folder);
  return { base };
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
