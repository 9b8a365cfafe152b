/**
 * What happens to a whole machine under a running job: its disk is full for a while, it sleeps. The job goes on by itself
 * and ends with the bits of one that was left alone. LOWRANK_TROUBLE_SECONDS sets for how long, 6 by default.
 */
import { execFileSync } from 'node:child_process';
import { type FileHandle, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { LowrankClient } from '#client/client.js';
import { familyOf, membersOf, type ServiceProcess, startService } from './service-process.js';
import { prepareTinyJob } from './stack.js';
import { collect, stepsOf, upTo, waitForEnd, waitForMessage, waitForStep } from './stack-watch.js';

const seconds = Number(process.env['LOWRANK_TROUBLE_SECONDS'] ?? 6);
const steps = 120;
const patient = 1000 * (240 + 8 * seconds);
/** Shorter than the sleep, as it is with the defaults where that is a minute. */
const impatient = { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' };
const writer = pathToFileURL(join(import.meta.dirname, 'full-disk-writer.mjs')).href;

let root: string;
let flag: string;
let service: ServiceProcess;
let job: JobCreate;
let control: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lowrank-trouble-'));
  flag = join(root, 'full');
  const preloaded = { NODE_OPTIONS: `--import=${writer}`, FULL_DISK_FLAG: flag };
  service = await startService(join(root, 'home'), { ...impatient, ...preloaded });
  job = await slowJob(service);
  control = await adapterOf(service.client, (await service.client.jobs.create(job)).id);
}, 240_000);
afterEach(() => rm(flag, { force: true }));
afterAll(async () => {
  await service?.stop();
  await rm(root, { recursive: true, force: true });
});

/** The tiny job with steps that take a while. */
async function slowJob(on: ServiceProcess): Promise<JobCreate> {
  const tiny = await prepareTinyJob(on);
  const slow = { gradient_accumulation_steps: 8, max_steps: steps, eval_steps: null, checkpoint_steps: 10 };
  return { ...tiny, training: { ...tiny.training, ...slow } };
}

/** SHA-256 of what a job yields in the end. */
async function adapterOf(client: LowrankClient, id: string): Promise<string> {
  const { adapter, status, error } = await waitForEnd(client, id);
  expect({ status, error }).toEqual({ status: 'succeeded', error: null });
  expect(await stepsOf(client, id)).toEqual(upTo(steps));
  return (await client.adapters.get(adapter!)).sha256;
}

const codesOf = async (client: LowrankClient, id: string) =>
  (await collect(client.jobs.events(id))).map(({ code }) => code);

test.each([
  ['the whole machine', () => familyOf(service.launcher.pid!)],
  ['the worker alone', () => membersOf(service.launcher.pid!, 'processes/worker.js')],
])(
  'an attempt goes on where it was after %s slept',
  async (_, pidsOf) => {
    const { client } = service;
    const { id } = await client.jobs.create(job);
    await waitForStep(client, id, 25);
    const pids = pidsOf();
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await delay(1000 * seconds);
    for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
    expect(await adapterOf(client, id)).toBe(control);
    expect((await client.jobs.get(id)).attempt).toBe(1);
    expect((await codesOf(client, id)).filter((code) => code === 'training.started')).toHaveLength(1);
  },
  patient,
);

test(
  'a job on a full disk says that it waits, and goes on from its last checkpoint',
  async () => {
    const { client } = service;
    const { id } = await client.jobs.create(job);
    await waitForStep(client, id, 25);
    await writeFile(flag, '');
    await waitForMessage(client, id, ({ event, data }) => event === 'job' && data.waiting !== null);
    const waiting = await client.jobs.get(id);
    // The trainer finds no room, or the worker first, which then stores a checkpoint.
    expect(waiting.waiting!.code).toMatch(/^(disk|store)_full$/);
    expect(waiting.waiting!.message).toMatch(/room|space/);
    await delay(1000 * seconds);
    await rm(flag);
    expect(await adapterOf(client, id)).toBe(control);
    const began = (await collect(client.jobs.events(id))).flatMap(({ code, message }) =>
      code === 'training.started' ? [message] : [],
    );
    expect(began[0]).toBe('Training started');
    expect(began.length).toBeGreaterThan(1);
    for (const message of began.slice(1)) expect(message).toMatch(/after step [2-9]\d/);
  },
  patient,
);

/** Adds pieces of this size to a file until one finds no room. */
async function untilFull(file: FileHandle, size: number): Promise<void> {
  const piece = Buffer.alloc(size, 1);
  for (let hasRoom = true; hasRoom;) {
    hasRoom = await file.appendFile(piece).then(
      () => true,
      () => false,
    );
  }
}

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
test.runIf(isRoot)(
  'a whole home on a full disk, database and log with it, goes on when there is room',
  async () => {
    const disk = join(root, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=755', 'tmpfs', disk]);
    const log = await open(join(disk, 'log'), 'a');
    try {
      const other = await startService(join(disk, 'home'), impatient, { log: log.fd });
      try {
        const { client } = other;
        const { id } = await client.jobs.create(await slowJob(other));
        await waitForStep(client, id, 25);
        const filler = join(disk, 'filler');
        // It must not find room for a moment either.
        const fill = async () => {
          const file = await open(filler, 'a');
          try {
            for (let size = 1 << 20; size >= 1; size >>= 1) await untilFull(file, size);
          } finally {
            await file.close();
          }
        };
        for (const until = performance.now() + 1000 * seconds; performance.now() < until;) {
          await fill();
          // Each leaves a line in the log.
          for (let asked = 0; asked < 10; asked++) await client.jobs.get(id).catch(() => undefined);
          await delay(100);
        }
        await rm(filler);
        expect(await adapterOf(client, id)).toBe(control);
        expect(await other.stop()).toBe(0);
        expect(await readFile(join(disk, 'log'), 'utf8')).toMatch(/"the log could not be written for \d+ s/);
      } finally {
        await other.stop();
      }
    } finally {
      await log.close();
      execFileSync('umount', ['-l', disk]);
    }
  },
  patient,
);
