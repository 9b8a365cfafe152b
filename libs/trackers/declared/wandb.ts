import { z } from 'zod';
import type { TrackerDeclaration } from '#trackers/declared/declaration.js';

/** As OpenAI's `integrations` has them. */
export const wandbSettings = z.strictObject({
  project: z.string().min(1).max(128),
  /** What the run is called; the job's suffix or id otherwise. */
  name: z.string().min(1).max(128).nullish(),
  /** User or team; the one of the key that syncs the run otherwise. */
  entity: z.string().min(1).max(128).nullish(),
  tags: z.array(z.string().min(1).max(64)).max(20).nullish(),
});
export type WandbSettings = z.output<typeof wandbSettings>;

export const wandbDeclaration = {
  type: 'wandb',
  title: 'Weights & Biases',
  settings: wandbSettings,
  fix: '{"project": "name"}, with "name", "entity" and "tags" if you like',
  file: {
    name: ({ id }) => `wandb-${id}.tar`,
    isArchive: true,
    contentType: 'application/x-tar',
    command: (folder) => `wandb sync ${folder}/wandb/offline-run-*`,
  },
} as const satisfies TrackerDeclaration;
