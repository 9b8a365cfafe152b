/** Classification: the model learns which class a text, a pair of texts, or an image belongs to. */
import { z } from 'zod';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';

/** Shorter texts leave a part of a block empty. */
const tokensPerText = 8;

/** Texts that a block of a length may hold. */
export function textsPerBlock(blockLength: number): number {
  return Math.max(1, Math.floor(blockLength / tokensPerText));
}

export const maxClasses = 1000;

/** Share of the texts whose likeliest class is theirs. */
const accuracy = z.number();

/** Rows are the classes that texts have, columns the likeliest ones; in the order of the labels. */
const confusionMatrix = z.object({ labels: z.array(z.string()), counts: z.array(z.array(z.int())) });

const inBoth = (metric: string) =>
  [
    { label: 'training', metric, of: 'step' },
    { label: 'validation', metric, of: 'evaluation' },
  ] as const;

export const classificationDeclaration = {
  type: 'classification',
  title: 'Classification: tell classes apart',
  head: 'classify',
  method: z.strictObject({
    type: z.literal('classification'),
    /** Names of the classes in their order; default null: those of the model if the data have no others, else those of the data. */
    labels: z.array(z.string().min(1).max(200)).min(2).max(maxClasses).nullable().default(null),
  }),
  rows: { kinds: ['labelled'], key: 'classification', examplesPerBlock: textsPerBlock, hasClasses: true },
  imageRows: { kinds: ['image'], key: 'image classification', examplesPerBlock: () => 1, hasClasses: true },
  fixes: { labels: `give from 2 to ${maxClasses} different names, or null` },
  stepMetrics: z.object({ accuracy }),
  evaluationMetrics: z.object({
    accuracy,
    /** Mean over the classes of the harmonic mean of precision and recall. */
    macro_f1: z.number(),
    /** Left out where there are too many classes to look at. */
    confusion_matrix: confusionMatrix.optional(),
  }),
  texts: {
    step: [{ metric: 'accuracy', digits: 3 }],
    evaluation: [
      { metric: 'accuracy', digits: 3 },
      { metric: 'macro_f1', digits: 3 },
    ],
  },
  charts: [
    { title: 'Accuracy', lines: inBoth('accuracy'), canLog: false },
    {
      title: 'Macro F1',
      lines: [{ label: 'validation', metric: 'macro_f1', of: 'evaluation' }],
      canLog: false,
    },
  ],
  checkpointMetrics: { accuracy: 'class_accuracy', macro_f1: 'macro_f1' },
  usual: { learningRate: 2e-4, epochs: 5, what: 'classification with LoRA' },
} as const satisfies ObjectiveDeclaration;
