/** Next token: the model learns to write what stands in the data. */
import { z } from 'zod';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';

/** Share of the targets that were the likeliest token. */
const accuracy = z.number();

export const nextTokenDeclaration = {
  type: 'supervised',
  title: 'Supervised: write like the data',
  head: 'causal',
  method: z.strictObject({ type: z.literal('supervised') }),
  rows: { kinds: ['chat', 'completion', 'text'] },
  fixes: {},
  stepMetrics: z.object({ accuracy }),
  evaluationMetrics: z.object({
    accuracy,
    /** e^loss. */
    perplexity: z.number(),
  }),
  texts: {
    step: [{ metric: 'accuracy', digits: 3 }],
    evaluation: [
      { metric: 'perplexity', digits: 2 },
      { metric: 'accuracy', digits: 3 },
    ],
  },
  charts: [
    {
      title: 'Accuracy',
      lines: [
        { label: 'training', metric: 'accuracy', of: 'step' },
        { label: 'validation', metric: 'accuracy', of: 'evaluation' },
      ],
      canLog: false,
    },
  ],
  checkpointMetrics: { accuracy: 'mean_token_accuracy' },
  usual: { learningRate: 2e-4, epochs: 3, what: 'LoRA' },
} as const satisfies ObjectiveDeclaration;
