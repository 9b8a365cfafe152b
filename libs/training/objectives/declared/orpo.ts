/** Odds ratio preference optimisation: the model learns to write the preferred answers, and not the others. */
import { z } from 'zod';
import { chosenAndRejected, inBoth, pairRows } from '#training/objectives/declared/answer-pairs.js';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';

/** Means over pairs; log-probabilities are means over the tokens of an answer, in nats. */
const metrics = z.object({
  /** Share of the pairs whose chosen answer is the likelier one. */
  accuracy: z.number(),
  /** Of the chosen answers: -log-probability of a token. */
  nll: z.number(),
  /** By how much the log odds of the chosen answer are larger. */
  log_odds: z.number(),
  token_logps_chosen: z.number(),
  token_logps_rejected: z.number(),
});

const texts = [
  { metric: 'log_odds', digits: 4 },
  { metric: 'accuracy', digits: 3 },
];

export const orpoDeclaration = {
  type: 'orpo',
  title: 'Preference (ORPO): write like the preferred answers, without a reference',
  head: 'causal',
  method: z.strictObject({
    type: z.literal('orpo'),
    /** How much the odds ratio counts beside the likelihood of the chosen answers; default 0.1. */
    beta: z.number().positive().max(100).default(0.1),
  }),
  rows: pairRows,
  fixes: { beta: 'give a number above 0 and at most 100; 0.1 is usual' },
  stepMetrics: metrics,
  evaluationMetrics: metrics,
  texts: { step: texts, evaluation: texts },
  charts: [
    { title: 'Accuracy', lines: inBoth('accuracy'), canLog: false },
    { title: 'Log odds', lines: inBoth('log_odds'), canLog: false },
    { title: 'Likelihood of the chosen answers', lines: inBoth('nll'), canLog: false },
    { title: 'Log-probabilities of a token', lines: chosenAndRejected('token_logps'), canLog: false },
  ],
  checkpointMetrics: { accuracy: 'preference_accuracy', log_odds: 'log_odds' },
  usual: { learningRate: 1e-5, epochs: 3, what: 'ORPO with LoRA' },
} as const satisfies ObjectiveDeclaration;
