/** A run as the file of an offline run of Weights & Biases, which `wandb sync` uploads. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { WandbSettings } from '#trackers/declared/wandb.js';
import { RecordSchema } from '#trackers/schema/wandb_pb.js';
import { RunLog } from '#trackers/wandb/run-log.js';
import { type Measured, scalarsOf, secondsOf, type TrackedRun } from '#trackers/tracked-run.js';

const defaultProject = 'lowrank';
/** The oldest reader that knows all records here. */
const minConsumer = '0.15.0';

/** Letters and digits of the job's id: syncing again goes on with the same run. */
export const runIdOf = ({ jobId }: Pick<TrackedRun, 'jobId'>) => jobId.replace(/^ftjob-/, '');

/** `wandb/offline-run-20261231_235959-ID/run-ID.wandb`, in UTC. */
export function runPathOf(run: TrackedRun): string {
  const time = run.createdAt
    .toISOString()
    .replaceAll(/[-:]|\..*/g, '')
    .replace('T', '_');
  return `wandb/offline-run-${time}-${runIdOf(run)}/run-${runIdOf(run)}.wandb`;
}

type RecordType = MessageInitShape<typeof RecordSchema>['recordType'];

/** The bytes of the file, a record at a time. */
export async function* runFile(
  run: TrackedRun,
  measured: AsyncIterable<Measured>,
): AsyncGenerator<Uint8Array> {
  const log = new RunLog();
  let count = 0n;
  const record = (recordType: RecordType) =>
    log.frame(toBinary(RecordSchema, create(RecordSchema, { num: ++count, recordType })));
  yield log.start();
  yield record({ case: 'header', value: { versionInfo: { producer: 'lowrank', minConsumer } } });
  yield record({ case: 'run', value: runRecord(run) });
  const latest = new Map<string, number>();
  for await (const row of rowsOf(run, measured)) {
    for (const [name, value] of row.values) latest.set(name, value);
    const item = itemsOf(row.values);
    yield record({ case: 'history', value: { item, step: { num: BigInt(row.step) } } });
  }
  if (latest.size > 0) yield record({ case: 'summary', value: { update: itemsOf(latest) } });
  if (!run.finishedAt) return;
  const runtime = Math.round(secondsOf(run.finishedAt) - secondsOf(run.startedAt ?? run.createdAt));
  yield record({ case: 'exit', value: { exitCode: run.state === 'succeeded' ? 0 : 1, runtime } });
}

function runRecord({ config, ...run }: TrackedRun) {
  const settings = run.settings as WandbSettings | null;
  return {
    runId: runIdOf(run),
    entity: settings?.entity ?? '',
    project: settings?.project ?? defaultProject,
    displayName: settings?.name ?? run.name,
    tags: settings?.tags ?? [],
    jobType: 'fine-tuning',
    notes: run.jobId,
    host: 'lowrank',
    startTime: timestampFromDate(run.startedAt ?? run.createdAt),
    config: {
      update: Object.entries(config).map(([key, value]) => ({
        key,
        valueJson: JSON.stringify(value ?? null),
      })),
    },
  };
}

const itemsOf = (values: ReadonlyMap<string, number>) =>
  [...values].map(([name, value]) => ({ nestedKey: [name], valueJson: JSON.stringify(value) }));

interface Row {
  readonly step: number;
  readonly values: Map<string, number>;
}

/** All that was measured at a step is one row of its history, whose steps only go up. */
async function* rowsOf(run: TrackedRun, measured: AsyncIterable<Measured>): AsyncGenerator<Row> {
  const start = secondsOf(run.startedAt ?? run.createdAt);
  let row: Row | undefined;
  for await (const each of measured) {
    const scalars = scalarsOf(each);
    if (scalars.length === 0) continue;
    const { step, at } = each;
    if (row && row.step !== step) {
      yield row;
      row = undefined;
    }
    row ??= { step, values: new Map([['_step', step]]) };
    row.values.set('_timestamp', secondsOf(at)).set('_runtime', Math.max(0, secondsOf(at) - start));
    row.values.set('train/global_step', step);
    for (const [name, value] of scalars) row.values.set(name, value);
  }
  if (row) yield row;
}
