import { crc32 } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { trackerOf } from '#trackers/registry.js';
import { EventSchema, HParamsPluginDataSchema, Status } from '#trackers/schema/tensorboard_pb.js';
import { RecordSchema } from '#trackers/schema/wandb_pb.js';
import { crc32c, maskedCrc32c } from '#trackers/tensorboard/crc32c.js';
import { flattened, type Measured, type TrackedRun } from '#trackers/tracked-run.js';
import { RunLog } from '#trackers/wandb/run-log.js';

const at = (seconds: number) => new Date(1_800_000_000_000 + 1000 * seconds);
const run: TrackedRun = {
  jobId: 'ftjob-abc123',
  name: 'verse',
  createdAt: at(0),
  startedAt: at(1),
  finishedAt: at(9),
  state: 'succeeded',
  config: { model: 'tiny', validation_file: null, lora: { r: 8, target_modules: ['q_proj'] }, seed: 3 },
  tags: {},
  settings: { project: 'poems', name: 'first', entity: 'me', tags: ['a', 'b'] },
};
const measured: Measured[] = [
  { seq: 1, step: 0, kind: 'evaluation', at: at(1), values: { loss: 2.5, best: true } },
  { seq: 2, step: 1, kind: 'step', at: at(2), values: { loss: 2, learning_rate: 1e-4, accuracy: 0.25 } },
  { seq: 3, step: 2, kind: 'step', at: at(3), values: { loss: 1.5, learning_rate: 5e-5, accuracy: 0.5 } },
  { seq: 4, step: 2, kind: 'evaluation', at: at(4), values: { loss: 1.75, best: true } },
  { seq: 5, step: 2, kind: 'samples', at: at(5), values: { samples: [] } },
];

async function* each<T>(items: readonly T[]) {
  yield* items;
}

async function bytesOf(type: 'tensorboard' | 'wandb', of = run, list = measured): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of trackerOf(type).write!(of, () => each(list))) parts.push(part);
  return Buffer.concat(parts);
}

test('CRC-32C has the value that its standard gives for nine digits, and a mask as TFRecord has it', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  // By masked_crc32c of tensorboard 2.21.
  expect(maskedCrc32c(Buffer.from('123456789'))).toBe(0xc78ab0e5);
});

function eventsOf(bytes: Buffer) {
  const events = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(offset));
    expect(bytes.readUInt32LE(offset + 8)).toBe(maskedCrc32c(bytes.subarray(offset, offset + 8)));
    const message = bytes.subarray(offset + 12, offset + 12 + length);
    expect(bytes.readUInt32LE(offset + 12 + length)).toBe(maskedCrc32c(message));
    events.push(fromBinary(EventSchema, message));
    offset += 16 + length;
  }
  return events;
}

const valuesOf = (event: ReturnType<typeof eventsOf>[number]) =>
  event.what.case === 'summary' ? event.what.value.value : [];

test('an event file has a point of every metric at its step and time', async () => {
  const events = eventsOf(await bytesOf('tensorboard'));
  expect(events[0]!.what).toEqual({ case: 'fileVersion', value: 'brain.Event:2' });
  const points = events.flatMap((event) =>
    valuesOf(event).flatMap(({ tag, value }) =>
      value.case === 'simpleValue' ? [[tag, Number(event.step), value.value, event.wallTime]] : [],
    ),
  );
  const start = 1_800_000_000;
  expect(points).toEqual([
    ['eval/loss', 0, 2.5, start + 1],
    ['train/loss', 1, 2, start + 2],
    ['train/learning_rate', 1, Math.fround(1e-4), start + 2],
    ['train/accuracy', 1, 0.25, start + 2],
    ['train/loss', 2, 1.5, start + 3],
    ['train/learning_rate', 2, Math.fround(5e-5), start + 3],
    ['train/accuracy', 2, 0.5, start + 3],
    ['eval/loss', 2, 1.75, start + 4],
  ]);
});

test('an event file has the options, and how the run ended once it has', async () => {
  const hparams = async (of: TrackedRun) =>
    eventsOf(await bytesOf('tensorboard', of)).flatMap((event) =>
      valuesOf(event).flatMap(({ metadata }) =>
        metadata?.pluginData?.pluginName === 'hparams'
          ? [fromBinary(HParamsPluginDataSchema, metadata.pluginData.content).data]
          : [],
      ),
    );
  const [start, end] = await hparams(run);
  if (start?.case !== 'sessionStartInfo') throw new Error('no options');
  expect(Object.entries(start.value.hparams).map(([name, { kind }]) => [name, kind.value])).toEqual(
    expect.arrayContaining([
      ['lora.r', 8],
      ['lora.target_modules', '["q_proj"]'],
      ['model', 'tiny'],
      ['seed', 3],
    ]),
  );
  expect(end).toMatchObject({ case: 'sessionEndInfo', value: { status: Status.SUCCESS } });
  expect(await hparams({ ...run, state: 'running', finishedAt: null })).toHaveLength(1);
});

/** Records of a log, their frames checked and put together. */
function framed(log: Buffer): Buffer[] {
  const records: Buffer[] = [];
  const pieces: Buffer[] = [];
  const fillers: Buffer[] = [];
  for (let offset = 7; offset < log.length;) {
    const room = 32_768 - (offset % 32_768);
    if (room < 7) {
      fillers.push(log.subarray(offset, offset + room));
      offset += room;
      continue;
    }
    const length = log.readUInt16LE(offset + 4);
    const type = log.readUInt8(offset + 6);
    const piece = log.subarray(offset + 7, offset + 7 + length);
    expect(length + 7).toBeLessThanOrEqual(room);
    expect(log.readUInt32LE(offset)).toBe(crc32(piece, crc32(Buffer.from([type]))));
    expect(type === 1 || type === 2).toBe(pieces.length === 0);
    pieces.push(piece);
    if (type === 1 || type === 4) records.push(Buffer.concat(pieces.splice(0)));
    offset += 7 + length;
  }
  expect(pieces).toEqual([]);
  expect(Buffer.concat(fillers).every((byte) => byte === 0)).toBe(true);
  return records;
}

test('a run of Weights & Biases has its project, options, a row for every step and how it ended', async () => {
  const tar = await bytesOf('wandb');
  expect(tar.length % 512).toBe(0);
  expect(tar.toString('latin1', 0, 100).replaceAll('\0', '')).toBe(
    'wandb/offline-run-20270115_080000-abc123/run-abc123.wandb',
  );
  const size = Number.parseInt(tar.toString('latin1', 124, 135), 8);
  const log = tar.subarray(512, 512 + size);
  expect(log.subarray(0, 7).toString('hex')).toBe('3a572642e1be00');
  const records = framed(log).map((record) => fromBinary(RecordSchema, record));
  expect(records.map(({ num }) => Number(num))).toEqual(records.map((_, i) => i + 1));
  const [header, start, ...rest] = records.map(({ recordType }) => recordType);
  expect(header!.case).toBe('header');
  expect(start).toMatchObject({
    case: 'run',
    value: { runId: 'abc123', project: 'poems', entity: 'me', displayName: 'first', tags: ['a', 'b'] },
  });
  if (start?.case !== 'run') throw new Error('no run');
  const config = start.value.config!.update.map(({ key, valueJson }) => [key, JSON.parse(valueJson)]);
  expect(Object.fromEntries(config)).toEqual(run.config);
  const rows = rest.flatMap((record) =>
    record.case === 'history'
      ? [Object.fromEntries(record.value.item.map((item) => [item.nestedKey[0], JSON.parse(item.valueJson)]))]
      : [],
  );
  expect(rows).toMatchObject([
    { _step: 0, 'eval/loss': 2.5, _runtime: 0 },
    { _step: 1, 'train/loss': 2, 'train/learning_rate': 1e-4 },
    { _step: 2, 'train/loss': 1.5, 'eval/loss': 1.75, 'train/accuracy': 0.5 },
  ]);
  expect(rest.map((record) => record.case).slice(-2)).toEqual(['summary', 'exit']);
  expect(rest.at(-1)!.value).toMatchObject({ exitCode: 0, runtime: 8 });
});

test.each([32_740, 32_747, 32_748, 32_749, 32_750, 32_751, 32_754, 32_755, 70_000])(
  'records of %i bytes go on over the ends of blocks',
  (length) => {
    const log = new RunLog();
    const records = ['a', 'b'].map((letter) => Buffer.alloc(length, letter));
    const bytes = Buffer.concat([log.start(), ...records.map((record) => log.frame(record))]);
    const found = framed(bytes);
    expect(found.map((record, i) => record.equals(records[i]!))).toEqual([true, true]);
  },
);

test('options are flat under names with dots, and nothing stands for null', () => {
  expect(flattened({ a: null, b: { c: [1], d: { e: true } } })).toEqual({ 'b.c': '[1]', 'b.d.e': true });
});
