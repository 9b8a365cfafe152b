/** What is read of a base model to plan jobs on it, kept for the next plan. */
import { loadChatTemplate, type ChatTemplate } from '#data/chat-template.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import type { Tokenizer } from '#data/tokenizer.js';
import { type ModelFolder, openModelFolder } from '#models/model-folder.js';

export interface KnownModel {
  readonly base: ModelFolder;
  /** Read when first asked for. */
  codec(): Promise<{ readonly tokenizer: Tokenizer; readonly template: ChatTemplate }>;
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
  const load = async () => {
    const tokenizer = await loadTokenizer(folder);
    return { tokenizer, template: await loadChatTemplate(folder, tokenizer) };
  };
  return { base, codec: () => (codec ??= load()) };
}
