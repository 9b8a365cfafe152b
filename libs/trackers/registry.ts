/** The experiment trackers. A new one is a folder beside this file, its declaration in `declared`, and an entry here. */
import type { MlflowConfiguration } from '#trackers/declared/mlflow.js';
import { MlflowServer } from '#trackers/mlflow/mlflow-server.js';
import { eventFile } from '#trackers/tensorboard/event-file.js';
import type { TrackerType } from '#trackers/declared/registry.js';
import type { TrackerServer } from '#trackers/tracker-server.js';
import type { Measured, TrackedRun } from '#trackers/tracked-run.js';
import { runArchive } from '#trackers/wandb/run-archive.js';

/** The servers of trackers that a process was told of; null for none. */
export interface TrackerConfiguration {
  readonly mlflow: MlflowConfiguration | null;
}

export interface Tracker {
  /** The bytes of a run's file. `measured` may be read again, and gives the same then. */
  readonly write?: (run: TrackedRun, measured: () => AsyncIterable<Measured>) => AsyncIterable<Uint8Array>;
  /** Its server; null if there is none. */
  readonly server?: (configuration: TrackerConfiguration) => TrackerServer | null;
}

const trackers: Readonly<Record<TrackerType, Tracker>> = {
  tensorboard: { write: (run, measured) => eventFile(run, measured()) },
  wandb: { write: runArchive },
  mlflow: { server: ({ mlflow }) => mlflow && new MlflowServer(mlflow) },
};

export const trackerOf = (type: TrackerType): Tracker => trackers[type];

/** The servers that are there, by the type of their tracker. */
export function trackerServers(configuration: TrackerConfiguration): ReadonlyMap<string, TrackerServer> {
  return new Map(
    Object.entries(trackers).flatMap(([type, { server }]) => {
      const made = server?.(configuration);
      return made ? [[type, made] as const] : [];
    }),
  );
}
