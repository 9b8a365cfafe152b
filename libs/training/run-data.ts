/** The data of a run as its steps read them. */
import { join } from 'node:path';
import type { TrainingEvent } from '#training/events.js';
import type { TrainingJob } from '#training/job.js';
import type { BlockSource } from '#training/objectives/objective.js';
import { openRunner } from '#training/open-runner.js';
import type { RunPlan } from '#training/plan-run.js';
import type { PreparedRun } from '#training/prepare-run.js';
import { referToAll } from '#training/reference-pass.js';
import type { RunIdentity } from '#training/run-state.js';

export interface RunData {
  readonly training: BlockSource;
  readonly validation: BlockSource | undefined;
  /** The run's, with what the reference says of the data. */
  readonly identity: RunIdentity;
  readonly close: () => void;
}

/** The data of a run, with what the reference says of them where the objective has one. Throws as `referToAll`. */
export async function openRunData(
  job: TrainingJob,
  run: PreparedRun,
  plan: RunPlan,
  backend: string | undefined,
  onEvent: (event: TrainingEvent) => void,
  signal: AbortSignal | undefined,
): Promise<RunData> {
  const { training, validation, identity } = run;
  const { objective, shape, refersToAdapter = false } = plan.source;
  const { reference } = objective;
  if (!reference) return { training, validation, identity, close: () => undefined };
  const referred = await referToAll(
    validation ? [training, validation] : [training],
    {
      reference,
      shape,
      folder: join(job.cacheFolder, 'data'),
      identity,
      refersToAdapter,
      precision: plan.weights.digest,
      frozen: run.frozen,
      device: job.options.device,
      openRunner: async () => {
        // Where training starts, and not where a checkpoint stands; the base needs no numbers of an adapter.
        const parameters = refersToAdapter
          ? await run.adapter.parameters()
          : new Float32Array(run.layout.size);
        return openRunner(job, plan, ['reference'], { parameters }, backend);
      },
      onEvent,
    },
    signal,
  );
  const digests = referred.map(({ referenceDigest }) => referenceDigest);
  warnOfOtherReference(run, digests, onEvent);
  return {
    training: referred[0]!,
    validation: referred[1],
    identity: { ...identity, reference: digests },
    close: () => {
      for (const { close } of referred) close();
    },
  };
}

/** On another machine the last bits may differ, and then the run goes on a little otherwise than it would have. */
function warnOfOtherReference(
  { checkpoint }: PreparedRun,
  digests: readonly string[],
  onEvent: (event: TrainingEvent) => void,
): void {
  const before = checkpoint?.state.identity.reference;
  if (before === undefined || before.join() === digests.join()) return;
  const message =
    'the reference was asked again and its answers differ in their last bits from those that the run started with';
  onEvent({ type: 'warning', code: 'other_reference', message });
}
