import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '#platform/log.js';
import { describeGap, LogSink } from '#platform/log-sink.js';

/** A descriptor with room for so many bytes. */
class Disk {
  text = '';
  room = Infinity;
  code = 'ENOSPC';

  readonly write = (bytes: Uint8Array): number => {
    if (this.room === 0) throw Object.assign(new Error('write'), { code: this.code });
    const taken = bytes.subarray(0, Math.min(bytes.length, this.room));
    this.room -= taken.length;
    this.text += Buffer.from(taken).toString();
    return taken.length;
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function sinkOn(disk: Disk, keptBytes = 30): LogSink {
  return new LogSink(-1, { write: disk.write, keptBytes, notice: (gap) => `${describeGap(gap)}\n` });
}

test('a line is there at once', () => {
  const disk = new Disk();
  sinkOn(disk).write('one\n');
  expect(disk.text).toBe('one\n');
});

test('lines wait for room on a full disk, none is torn, and the gap is told once', () => {
  const disk = new Disk();
  disk.room = 6;
  const sink = sinkOn(disk);
  sink.write('one\n');
  sink.write('two\n');
  sink.write('three\n');
  expect(disk.text).toBe('one\ntw');
  vi.advanceTimersByTime(5000);
  disk.room = Infinity;
  vi.advanceTimersByTime(1000);
  sink.write('four\n');
  expect(disk.text).toBe(
    'one\ntwo\nthree\nthe log could not be written for 6 s (the disk was full); no lines are lost\nfour\n',
  );
});

test('what is beyond the limit is lost and counted', () => {
  const disk = new Disk();
  disk.room = 0;
  const sink = sinkOn(disk);
  for (let line = 10; line < 20; line++) sink.write(`line ${line}\n`);
  disk.room = Infinity;
  vi.advanceTimersByTime(1000);
  expect(disk.text.split('\n')).toEqual([
    'line 10',
    'line 11',
    'line 12',
    'the log could not be written for 1 s (the disk was full); 7 lines are lost',
    '',
  ]);
});

test('a slow reader is waited for without a word', () => {
  const disk = new Disk();
  disk.room = 0;
  disk.code = 'EAGAIN';
  sinkOn(disk).write('one\n');
  disk.room = Infinity;
  vi.advanceTimersByTime(50);
  expect(disk.text).toBe('one\n');
});

test('what nobody reads any more is not kept', () => {
  const disk = new Disk();
  disk.room = 0;
  disk.code = 'EPIPE';
  const sink = sinkOn(disk);
  sink.write('one\n');
  disk.room = Infinity;
  sink.write('two\n');
  vi.advanceTimersByTime(5000);
  expect(disk.text).toBe('');
  expect(vi.getTimerCount()).toBe(0);
});

test('a log on it goes on after the disk was full', () => {
  const disk = new Disk();
  disk.room = 0;
  const log = createLog({ level: 'info', name: 'api' }, sinkOn(disk, 1000));
  log.info('one');
  disk.room = Infinity;
  vi.advanceTimersByTime(1000);
  log.info('two');
  expect(disk.text).toMatch(/"one"}\nthe log .*\n.*"two"}\n$/);
});
