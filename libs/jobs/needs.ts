/** What a waiting job needs of a worker, as expressions over a row `job`. */

/**
 * The device that the job must have: the one that it names, and that of its last attempt once there is something to go on
 * from, since another kind of device would round differently.
 */
export const wantedDevice = `CASE
  WHEN job.device <> 'auto' OR job.attempt = 0 THEN job.device
  WHEN job.step = 0 AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE checkpoint.job_id = job.id) THEN job.device
  ELSE (SELECT last.device FROM attempt last WHERE last.job_id = job.id AND last.attempt = job.attempt)
END`;

/** Bytes of memory that its plan predicts; 0 where there is no plan yet, or where the trainer keeps to a limit of the job's. */
export const neededBytes = `CASE WHEN jsonb_typeof(job.training->'memory_limit_bytes') = 'number' THEN 0
  ELSE coalesce((job.plan->'memory'->>'peak_bytes')::float8, 0) END`;

/** Whether a worker may take it now. */
export const isDue = `job.state = 'queued' AND (job.try_after IS NULL OR job.try_after <= now())`;

/** The same for a task. */
export const isTaskDue = `task.state = 'queued' AND (task.try_after IS NULL OR task.try_after <= now())`;
