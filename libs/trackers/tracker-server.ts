/** A tracker that runs as a server of its own, as jobs are told to it. */
import type { Measured, TrackedRun } from '#trackers/tracked-run.js';

/** A run that the server has. */
export interface RemoteRun {
  readonly id: string;
  /** Where people look at it. */
  readonly address: string;
}

/** Everything may be tried again when its answer was lost. Throws TrackerProblem. */
export interface TrackerServer {
  /** Makes the run of a job, or finds the one that was made. */
  begin(run: TrackedRun, signal: AbortSignal): Promise<RemoteRun>;
  /** The `seq` of the last measurement that the run has; 0 for none. */
  position(remoteId: string, signal: AbortSignal): Promise<number>;
  /** Adds points of curves; at most `maxPoints`. */
  log(remoteId: string, measured: readonly Measured[], signal: AbortSignal): Promise<void>;
  /** Says how a run ended. */
  end(remoteId: string, run: TrackedRun, signal: AbortSignal): Promise<void>;
  /** Points of curves that one call to `log` may hold. */
  readonly maxPoints: number;
}

/** Why a tracker was not told. Its message goes on after the name of the tracker: "it answered 500". */
export class TrackerProblem extends Error {}
