import type { TrackerDeclaration } from '#trackers/declared/declaration.js';

export const tensorboardDeclaration = {
  type: 'tensorboard',
  title: 'TensorBoard',
  file: {
    // TensorBoard knows its files by this beginning.
    name: ({ id, createdAt }) => `events.out.tfevents.${createdAt}.${id}`,
    isArchive: false,
    contentType: 'application/octet-stream',
    command: (folder) => `tensorboard --logdir ${folder}`,
  },
} as const satisfies TrackerDeclaration;
