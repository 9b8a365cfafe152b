/** Whole runs of training, for tests that compare what they leave. */
import { expect } from 'vitest';
import { CancelRequest } from '#training/cancellation.js';
import type { TrainingEvent, TrainingSummary } from '#training/events.js';
import type { TrainingJobInput } from '#training/job.js';
import { trainAdapter } from '#training/run.js';

/** Trains to the end. Throws if it was cancelled. */
export async function runToEnd(
  job: TrainingJobInput,
  onEvent: (event: TrainingEvent) => void = () => undefined,
): Promise<TrainingSummary> {
  const result = await trainAdapter(job, { onEvent });
  if (result.status !== 'finished') throw new Error('the run was cancelled');
  return result.summary;
}

/** Stops a run after its third step and goes on with it; yields what the second part tells. */
export async function interrupted(
  job: TrainingJobInput,
  between: () => Promise<void>,
): Promise<TrainingEvent[]> {
  const cancel = new AbortController();
  const onEvent = (event: TrainingEvent) => {
    if (event.type === 'step' && event.step === 3) cancel.abort(new CancelRequest(false));
  };
  expect(await trainAdapter(job, { onEvent }, cancel.signal)).toEqual({ status: 'cancelled' });
  await between();
  const events: TrainingEvent[] = [];
  await runToEnd({ ...job, resume: true }, (event) => events.push(event));
  return events;
}
