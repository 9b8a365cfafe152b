/** A run as an event file of TensorBoard: TFRecords of `Event` messages, with its options for the page HParams. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  EventSchema,
  HParamsPluginDataSchema,
  Status,
  type SummarySchema,
} from '#trackers/schema/tensorboard_pb.js';
import { maskedCrc32c } from '#trackers/tensorboard/crc32c.js';
import {
  flattened,
  type Measured,
  type RunState,
  scalarsOf,
  secondsOf,
  type TrackedRun,
} from '#trackers/tracked-run.js';

const statuses: Readonly<Record<RunState, Status>> = {
  running: Status.RUNNING,
  succeeded: Status.SUCCESS,
  failed: Status.FAILURE,
  cancelled: Status.FAILURE,
};

/** The bytes of the file, a record at a time. */
export async function* eventFile(
  run: TrackedRun,
  measured: AsyncIterable<Measured>,
): AsyncGenerator<Uint8Array> {
  const { createdAt, startedAt, finishedAt, state } = run;
  const wallTime = secondsOf(createdAt);
  yield record({
    wallTime,
    what: { case: 'fileVersion', value: 'brain.Event:2' },
    sourceMetadata: { writer: 'lowrank' },
  });
  yield hparams(wallTime, '_hparams_/session_start_info', {
    case: 'sessionStartInfo',
    value: { hparams: optionsOf(run), startTimeSecs: secondsOf(startedAt ?? createdAt) },
  });
  for await (const each of measured) {
    const value = scalarsOf(each).map(
      ([tag, simpleValue]) => ({ tag, value: { case: 'simpleValue', value: simpleValue } }) as const,
    );
    if (value.length > 0) yield summary(secondsOf(each.at), BigInt(each.step), { value });
  }
  if (!finishedAt) return;
  const endTimeSecs = secondsOf(finishedAt);
  const end = { status: statuses[state], endTimeSecs };
  yield hparams(endTimeSecs, '_hparams_/session_end_info', { case: 'sessionEndInfo', value: end });
}

function optionsOf({ config }: TrackedRun) {
  return Object.fromEntries(
    Object.entries(flattened(config)).map(([name, value]) => {
      if (typeof value === 'number')
        return [name, create(ValueSchema, { kind: { case: 'numberValue', value } })];
      if (typeof value === 'boolean')
        return [name, create(ValueSchema, { kind: { case: 'boolValue', value } })];
      return [name, create(ValueSchema, { kind: { case: 'stringValue', value } })];
    }),
  );
}

type HparamsData = MessageInitShape<typeof HParamsPluginDataSchema>['data'];

function hparams(wallTime: number, tag: string, data: HparamsData): Uint8Array {
  const content = toBinary(HParamsPluginDataSchema, create(HParamsPluginDataSchema, { version: 0, data }));
  return summary(wallTime, 0n, {
    value: [{ tag, metadata: { pluginData: { pluginName: 'hparams', content } } }],
  });
}

function summary(wallTime: number, step: bigint, value: MessageInitShape<typeof SummarySchema>): Uint8Array {
  return record({ wallTime, step, what: { case: 'summary', value } });
}

/** Length as 8 bytes, their checksum, the message, its checksum; all little-endian. */
function record(event: MessageInitShape<typeof EventSchema>): Uint8Array {
  const message = toBinary(EventSchema, create(EventSchema, event));
  const bytes = Buffer.alloc(message.length + 16);
  bytes.writeBigUInt64LE(BigInt(message.length), 0);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(message, 12);
  bytes.writeUInt32LE(maskedCrc32c(message), 12 + message.length);
  return bytes;
}
