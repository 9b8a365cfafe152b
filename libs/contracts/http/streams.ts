/** What happens to a job, as pages and as server-sent events: events, metrics, checkpoints. */
import { z } from 'zod';
import { evaluationMetrics, sample, stepMetrics } from '#training/metrics.js';
import { declarations } from '#training/objectives/declared/registry.js';
import { jobObject, jobProgress, jobStatus } from '#contracts/http/jobs.js';
import { order, pageOf, pageQuery, streamFlag, unixSeconds } from '#contracts/http/pages.js';

/** OpenAI's event, with our number and stable word. */
export const eventObject = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.event'),
    created_at: unixSeconds,
    level: z.enum(['info', 'warn', 'error']),
    message: z.string(),
    type: z.enum(['message', 'metrics']),
    data: z.record(z.string(), z.unknown()).nullable(),
    /** 1, 2, 3 ... within the job: the id of stream events. */
    seq: z.int(),
    /** A stable word, such as `job.queued`, `job.started`, `checkpoint.saved`. */
    code: z.string(),
  })
  .meta({ id: 'FineTuningJobEvent' });
export type EventObject = z.infer<typeof eventObject>;
export const eventPage = pageOf(eventObject).meta({ id: 'FineTuningJobEventPage' });

/** Newest first, as OpenAI lists them; a stream always goes forward. */
export const eventListQuery = z.strictObject({
  ...pageQuery(20, 1000),
  order: order.default('desc'),
  stream: streamFlag,
});

/** Every value that it knows by name may be missing: another version measured it, or does not yet. */
const stepValues = stepMetrics.omit({ step: true }).partial().loose();
const evaluationValues = evaluationMetrics.omit({ step: true }).partial().loose();
const sampleValues = z.looseObject({ samples: z.array(sample) });

const metricFields = {
  id: z.string(),
  object: z.literal('fine_tuning.job.metric'),
  created_at: unixSeconds,
  seq: z.int(),
  step: z.int(),
};

/** What was measured at one step. */
export const metricObject = z
  .discriminatedUnion('kind', [
    z.object({ ...metricFields, kind: z.literal('step'), values: stepValues }),
    z.object({ ...metricFields, kind: z.literal('evaluation'), values: evaluationValues }),
    z.object({ ...metricFields, kind: z.literal('samples'), values: sampleValues }),
  ])
  .meta({ id: 'FineTuningJobMetric' });
export type MetricObject = z.infer<typeof metricObject>;
export const metricPage = pageOf(metricObject).meta({ id: 'FineTuningJobMetricPage' });

/** In the order of writing unless asked otherwise: that is what a chart needs. */
export const metricListQuery = z.strictObject({
  ...pageQuery(1000, 10_000),
  order: order.default('asc'),
  kind: z.enum(['step', 'evaluation', 'samples']).optional(),
  stream: streamFlag,
});

/** OpenAI's names, and those of objectives that it does not have. */
const metricParts = ['train', 'valid', 'full_valid'] as const;
const objectiveMetrics = metricParts.flatMap((part) =>
  declarations.flatMap(({ checkpointMetrics }) =>
    Object.values(checkpointMetrics).map((name) => `${part}_${name}`),
  ),
);

export const checkpointObject = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.checkpoint'),
    created_at: unixSeconds,
    step_number: z.int(),
    /** Name of the model as it was at this step. */
    fine_tuned_model_checkpoint: z.string(),
    fine_tuning_job_id: z.string(),
    metrics: z.object({
      step: z.number().optional(),
      train_loss: z.number().optional(),
      valid_loss: z.number().optional(),
      full_valid_loss: z.number().optional(),
      ...(Object.fromEntries(objectiveMetrics.map((name) => [name, z.number().optional()])) as Record<
        `${(typeof metricParts)[number]}_${string}`,
        z.ZodOptional<z.ZodNumber>
      >),
    }),
    /** Whether it has the least validation loss so far. */
    best: z.boolean(),
    bytes: z.int(),
  })
  .meta({ id: 'FineTuningJobCheckpoint' });
export type CheckpointObject = z.infer<typeof checkpointObject>;
export const checkpointPage = pageOf(checkpointObject).meta({ id: 'FineTuningJobCheckpointPage' });
export const checkpointListQuery = z.strictObject(pageQuery(10));

/** How far a job has come, when nothing else about it changed. */
export const progressMessage = z.object({
  status: jobStatus,
  position: z.int().nullable(),
  ...jobProgress.shape,
});

/**
 * The stream of a job that carries everything: `event: event` and `event: metric` with ids `EVENT_SEQ-METRIC_SEQ`, and
 * without an id `event: job` whenever the job looks different and `event: progress` when only its progress does. Ends
 * after the last event of a job in a terminal state.
 */
export const jobStreamMessage = z.discriminatedUnion('event', [
  z.object({ event: z.literal('event'), data: eventObject }),
  z.object({ event: z.literal('metric'), data: metricObject }),
  z.object({ event: z.literal('job'), data: jobObject }),
  z.object({ event: z.literal('progress'), data: progressMessage }),
]);
/** The events that it has. */
export const jobStreamEvents = ['event', 'metric', 'job', 'progress'] as const satisfies readonly z.infer<
  typeof jobStreamMessage
>['event'][];
export type JobStreamMessage = z.infer<typeof jobStreamMessage>;
