import { z } from 'zod';
import { boundedRecord } from '#base/bounded-schemas.js';
import type { TrackerDeclaration } from '#trackers/declared/declaration.js';

export const mlflowSettings = z.strictObject({
  /** Name of the experiment; MLFLOW_EXPERIMENT_NAME of the server otherwise. */
  experiment: z.string().min(1).max(250).nullish(),
  /** What the run is called; the job's suffix or id otherwise. */
  name: z.string().min(1).max(250).nullish(),
  tags: boundedRecord(
    z
      .string()
      .regex(/^[\w\-. /]{1,250}$/)
      .max(250),
    z.string().max(5000),
    50,
  ).nullish(),
});
export type MlflowSettings = z.output<typeof mlflowSettings>;

export const mlflowDeclaration = {
  type: 'mlflow',
  title: 'MLflow',
  settings: mlflowSettings,
  fix: '{}, with "experiment", "name" and "tags" if you like',
  server: 'MLFLOW_TRACKING_URI',
} as const satisfies TrackerDeclaration;

/** The tracking server that jobs are told to. */
export interface MlflowConfiguration {
  /** http or https, without a slash at its end and without credentials. */
  readonly uri: string;
  /** The Authorization header; null for none. */
  readonly authorization: string | null;
  readonly experiment: string;
  /** For each answer. */
  readonly answerSeconds: number;
}
