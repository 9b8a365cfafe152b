/** Runs in a tracking server of MLflow. */
import type { MlflowConfiguration, MlflowSettings } from '#trackers/declared/mlflow.js';
import { callMlflow, type MlflowCall, MlflowRefusal } from '#trackers/mlflow/rest.js';
import type { RemoteRun, TrackerServer } from '#trackers/tracker-server.js';
import {
  flattened,
  type Measured,
  type RunState,
  scalarsOf,
  type TrackedRun,
} from '#trackers/tracked-run.js';

/** By which the run of a job is found again. */
const jobTag = 'lowrank.job';
/** How far its curves are: written with them, so that a batch whose answer was lost is not sent twice. */
const positionTag = 'lowrank.position';

/** What MLflow takes at once, of which a batch has 1,000 at most, and of one value. */
const maxParams = 100;
const maxParamLength = 6000;
const maxTagLength = 5000;

const statuses: Readonly<Record<RunState, string>> = {
  running: 'RUNNING',
  succeeded: 'FINISHED',
  failed: 'FAILED',
  cancelled: 'KILLED',
};

interface MlflowRun {
  readonly info: { readonly run_id: string; readonly experiment_id: string };
  readonly data?: { readonly tags?: readonly { readonly key: string; readonly value: string }[] };
}

export class MlflowServer implements TrackerServer {
  readonly maxPoints = 900;

  constructor(private readonly configuration: MlflowConfiguration) {}

  async begin(run: TrackedRun, signal: AbortSignal): Promise<RemoteRun> {
    const settings = run.settings as MlflowSettings | null;
    const experiment = await this.experiment(settings?.experiment ?? this.configuration.experiment, signal);
    const made =
      (await this.find(experiment, run.jobId, signal)) ?? (await this.make(experiment, run, signal));
    await this.logParams(made, run, signal);
    return { id: made, address: `${this.configuration.uri}/#/experiments/${experiment}/runs/${made}` };
  }

  async position(remoteId: string, signal: AbortSignal): Promise<number> {
    const { run } = (await this.call(
      { method: 'GET', path: 'runs/get', query: { run_id: remoteId } },
      signal,
    )) as unknown as { run: MlflowRun };
    return Number(run.data?.tags?.find(({ key }) => key === positionTag)?.value ?? 0);
  }

  async log(remoteId: string, measured: readonly Measured[], signal: AbortSignal): Promise<void> {
    const metrics = measured.flatMap((each) =>
      scalarsOf(each).map(([key, value]) => {
        return { key, value, timestamp: each.at.getTime(), step: each.step };
      }),
    );
    const tags = [{ key: positionTag, value: String(measured.at(-1)?.seq ?? 0) }];
    await this.post('runs/log-batch', { run_id: remoteId, metrics, tags }, signal);
  }

  async end(remoteId: string, { state, finishedAt, tags }: TrackedRun, signal: AbortSignal): Promise<void> {
    await this.post('runs/log-batch', { run_id: remoteId, tags: tagsOf(tags) }, signal);
    const end_time = finishedAt?.getTime();
    await this.post('runs/update', { run_id: remoteId, status: statuses[state], end_time }, signal);
  }

  /** The id of an experiment, which is made if there is none. */
  private async experiment(name: string, signal: AbortSignal): Promise<string> {
    const found = await this.experimentNamed(name, signal);
    if (found !== null) return found;
    try {
      const { experiment_id: id } = await this.post('experiments/create', { name }, signal);
      return String(id);
    } catch (error) {
      // Somebody else made it meanwhile.
      const isThere = error instanceof MlflowRefusal && error.errorCode === 'RESOURCE_ALREADY_EXISTS';
      const made = isThere ? await this.experimentNamed(name, signal) : null;
      if (made === null) throw error;
      return made;
    }
  }

  private async experimentNamed(name: string, signal: AbortSignal): Promise<string | null> {
    const query = { experiment_name: name };
    try {
      const { experiment } = await this.call(
        { method: 'GET', path: 'experiments/get-by-name', query },
        signal,
      );
      return String((experiment as { experiment_id: unknown }).experiment_id);
    } catch (error) {
      if (error instanceof MlflowRefusal && error.errorCode === 'RESOURCE_DOES_NOT_EXIST') return null;
      throw error;
    }
  }

  private async find(experiment: string, jobId: string, signal: AbortSignal): Promise<string | null> {
    const filter = `tags.\`${jobTag}\` = '${jobId}'`;
    const body = { experiment_ids: [experiment], filter, max_results: 1 };
    const { runs } = await this.post('runs/search', body, signal);
    return (runs as readonly MlflowRun[] | undefined)?.[0]?.info.run_id ?? null;
  }

  private async make(experiment: string, run: TrackedRun, signal: AbortSignal): Promise<string> {
    const settings = run.settings as MlflowSettings | null;
    const tags = {
      ...run.tags,
      ...settings?.tags,
      [jobTag]: run.jobId,
      'mlflow.source.name': 'lowrank',
      'mlflow.source.type': 'JOB',
    };
    const made = await this.post(
      'runs/create',
      {
        experiment_id: experiment,
        run_name: settings?.name ?? run.name,
        start_time: (run.startedAt ?? run.createdAt).getTime(),
        tags: tagsOf(tags),
      },
      signal,
    );
    return (made['run'] as MlflowRun).info.run_id;
  }

  private async logParams(runId: string, run: TrackedRun, signal: AbortSignal): Promise<void> {
    const params = Object.entries(flattened(run.config)).map(([key, value]) => {
      return { key, value: String(value).slice(0, maxParamLength) };
    });
    for (let at = 0; at < params.length; at += maxParams) {
      const body = { run_id: runId, params: params.slice(at, at + maxParams) };
      await this.post('runs/log-batch', body, signal);
    }
  }

  private async post(path: string, body: Readonly<Record<string, unknown>>, signal: AbortSignal) {
    return this.call({ method: 'POST', path, body }, signal);
  }

  private async call(call: MlflowCall, signal: AbortSignal) {
    return callMlflow(this.configuration, call, signal);
  }
}

const tagsOf = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([key, value]) => ({ key, value: value.slice(0, maxTagLength) }));
