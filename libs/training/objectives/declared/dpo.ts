/** Direct preference optimisation: the model learns to prefer one of two answers to the other. */
import { z } from 'zod';
import { chosenAndRejected, inBoth, pairRows } from '#training/objectives/declared/answer-pairs.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';

/** Means over pairs; a reward is beta times by how much an answer is likelier than for the reference. */
const metrics = z.object({
  /** Share of the pairs whose chosen answer has the larger reward. */
  accuracy: z.number(),
  /** Reward of the chosen answer less that of the rejected one. */
  margin: z.number(),
  rewards_chosen: z.number(),
  rewards_rejected: z.number(),
  /** Log-probability of the chosen answers, in nats. */
  logps_chosen: z.number(),
  logps_rejected: z.number(),
});

const texts = [
  { metric: 'margin', digits: 4 },
  { metric: 'accuracy', digits: 3 },
];

export const dpoDeclaration = {
  type: 'dpo',
  title: 'Preference (DPO): prefer one of two answers',
  head: 'causal',
  headRefusal: 'log-probabilities of whole answers do not train it',
  method: z.strictObject({
    type: z.literal('dpo'),
    /** How strongly the model is held to the reference; default 0.1. */
    beta: z.number().positive().max(100).default(0.1),
    /** What answers are compared with: the adapter that training starts from, if it starts from one, or always the base. */
    reference: z.enum(['start', 'base']).default('start'),
  }),
  rows: pairRows,
  fixes: {
    beta: 'give a number above 0 and at most 100; 0.1 is usual',
    reference: 'give "start" or "base"',
  },
  stepMetrics: metrics,
  evaluationMetrics: metrics,
  texts: { step: texts, evaluation: texts },
  charts: [
    { title: 'Accuracy', lines: inBoth('accuracy'), canLog: false },
    { title: 'Reward margin', lines: inBoth('margin'), canLog: false },
    { title: 'Rewards', lines: chosenAndRejected('rewards'), canLog: false },
    { title: 'Log-probabilities', lines: chosenAndRejected('logps'), canLog: false },
  ],
  checkpointMetrics: { accuracy: 'reward_accuracy', margin: 'reward_margin' },
  usual: { learningRate: 5e-6, epochs: 1, what: 'DPO with LoRA' },
} as const satisfies ObjectiveDeclaration;
