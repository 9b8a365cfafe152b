/** An adapter uploaded to a repository of a hub, with a card that names its base there. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { publishedCard } from '#adapters/model-card.js';
import { hubAccess } from '#hub/remote/hub-requests.js';
import { pushFolder } from '#hub/remote/push-folder.js';
import { type TaskKind, taskInput } from '#jobs/task-kinds/task-kind.js';

const input = taskInput.extend({
  /** `OWNER/NAME`. */
  repository: z.string(),
  is_private: z.boolean(),
  /** `OWNER/NAME` of the base model at the hub; null if it has none. */
  base: z.string().nullable(),
  metrics: z.array(z.tuple([z.string(), z.string()])),
});

const result = z.object({ commit: z.string(), url: z.string() });

export const adapterPush: TaskKind<z.infer<typeof input>, z.infer<typeof result>> = {
  name: 'push',
  input,
  result,
  needsBase: false,
  needsHub: true,

  async run({ input: { repository, is_private, base, metrics }, folders, hub, output, onProgress }) {
    const folder = folders[0]!;
    const card = await readFile(path.join(folder, ADAPTER_FILES.card), 'utf8').catch(() => '');
    const config = JSON.parse(await readFile(path.join(folder, ADAPTER_FILES.config), 'utf8')) as object;
    const named = base === null ? config : { ...config, base_model_name_or_path: base };
    const stages = ['repository', 'upload'];
    const pushed = await pushFolder(folder, {
      access: await hubAccess(hub),
      repository,
      isPrivate: is_private,
      title: 'Upload a LoRA adapter',
      replaced: {
        [ADAPTER_FILES.card]: publishedCard(card, { base, metrics }),
        [ADAPTER_FILES.config]: `${JSON.stringify(named, undefined, 2)}\n`,
      },
      onProgress: (stage) => onProgress({ stage, done: stages.indexOf(stage), total: stages.length }),
    });
    // Nothing is left to download.
    await mkdir(output, { recursive: true });
    return pushed;
  },

  outcome: ({ result: report }) => ({ report }),
};
