/** What is read of a base model to plan jobs on it, kept for the next plan. */
import type { InputCodec } from '#data/input-codec.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';
import { loadCodec } from '#training/load-codec.js';

export interface KnownModel {
  readonly base: ModelFolder;
  /** Read when first asked for. */
  codec(): Promise<InputCodec>;
}

const maxKept = 4;
const kept = new Map<string, Promise<KnownModel>>();

/** Opens the folder of a base model, or gives what was read of it before. Throws the errors of `openModelFolder`. */
export async function knownModel(folder: string, identity: string): Promise<KnownModel> {
  const key = `${identity} ${folder}`;
  const known = kept.get(key) ?? openKnown(folder);
  // The last used is the last to go.
  kept.delete(key);
  kept.set(key, known);
  for (const oldest of [...kept.keys()].slice(0, -maxKept)) kept.delete(oldest);
  try {
    return await known;
  } catch (error) {
    kept.delete(key);
    throw error;
  }
}

async function openKnown(folder: string): Promise<KnownModel> {
  const base = await openModelFolder(folder, { tokenizer: 'required' });
  let codec: ReturnType<KnownModel['codec']> | undefined;
  return { base, codec: () => (codec ??= loadCodec(base)) };
}
