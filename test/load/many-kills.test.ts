/**
 * Many jobs of many clients, while parts of the service are killed in turn: nothing is lost or doubled.
 * LOWRANK_LOAD_JOBS sets how many jobs, 600 by default.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOver } from '#client/job-reader.js';
import { LowrankClient } from '#client/client.js';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { membersOf, type ServiceProcess, startService } from '../e2e/service-process.js';
import { prepareTinyJob } from '../e2e/stack.js';
import { collect, stepsOf, upTo } from '../e2e/stack-watch.js';

const jobs = Number(process.env['LOWRANK_LOAD_JOBS'] ?? 600);
const clients = 20;
const workers = 3;
const steps = 2;
/** Jobs with the same seed have the same inputs. */
const seeds = [1, 2, 3];
/** Between two kills, while jobs are made and while they run: something must get done in between. */
const secondsAmongRequests = 5;
const secondsAmongRuns = 20;
const hour = 3_600_000;
const impatient = { WORKER_HEARTBEAT_SECONDS: '0.5', WORKER_LOST_SECONDS: '4' };

let service: ServiceProcess;
let client: LowrankClient;
let tiny: JobCreate;
beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), 'lowrank-home-'));
  service = await startService(home, impatient, { workers });
  const { url } = service.client;
  client = new LowrankClient({ url, patienceSeconds: 180 });
  tiny = await prepareTinyJob(service);
}, 240_000);
afterAll(async () => {
  await service?.stop();
  await rm(service.home, { recursive: true, force: true });
});

const bodyOf = (i: number): JobCreate => ({
  ...tiny,
  seed: seeds[i % seeds.length]!,
  training: { ...tiny.training, max_steps: steps, eval_steps: null },
});

/** Does something for each job, by as many clients at once. */
async function byClients<T>(work: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const one = async () => {
    while (next < jobs) {
      const i = next++;
      results[i] = await work(i);
    }
  };
  await Promise.all(Array.from({ length: clients }, one));
  return results;
}

const parts = {
  worker: 'processes/worker.js',
  API: 'processes/api.js',
  trainer: 'processes/trainer.js',
  database: 'bin/postgres',
};

/** Kills one part after the other until it is told to stop; yields how often it killed each. */
async function killInTurn(pause: () => number, signal: AbortSignal): Promise<Record<string, number>> {
  const killed: Record<string, number> = {};
  const count = (name: string) => (killed[name] = (killed[name] ?? 0) + 1);
  const { pid } = service.launcher;
  const port = new URL(service.client.url).port;
  for (let launcher = pid!; ;) {
    for (const [name, part] of Object.entries(parts)) {
      await delay(1000 * pause());
      if (signal.aborted) return killed;
      const [victim] = membersOf(launcher, part);
      // One that has just ended is as good as killed.
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
      count(name);
    }
    await delay(1000 * pause());
    if (signal.aborted) return killed;
    process.kill(launcher, 'SIGKILL');
    count('launcher');
    service = await startService(service.home, { ...impatient, PORT: port }, { workers });
    launcher = service.launcher.pid!;
  }
}

test(
  `${jobs} jobs are made once and end once, with the same bits where the inputs are the same`,
  async () => {
    const end = new AbortController();
    let isMaking = true;
    const killing = killInTurn(() => (isMaking ? secondsAmongRequests : secondsAmongRuns), end.signal);
    // What went wrong there is thrown below.
    killing.catch(() => end.abort());
    const make = (i: number) => client.jobs.create(bodyOf(i), { idempotencyKey: `job-${i}` });
    const begun = performance.now();
    const made = await byClients(make);
    isMaking = false;
    const seconds = () => Math.round((performance.now() - begun) / 1000);
    console.log(`${jobs} jobs were made within ${seconds()} s`);
    const ids = made.map(({ id }) => id);
    expect(new Set(ids).size).toBe(jobs);
    let open: JobObject[] = made;
    while (open.length > 0 && !end.signal.aborted) {
      await delay(2000);
      const found = await collect(client.jobs.list());
      expect(found.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      open = found.filter((job) => !isOver(job));
    }
    end.abort();
    const killed = await killing;
    console.log(`${jobs} jobs ended within ${seconds()} s; killed: ${JSON.stringify(killed)}`);
    // The same keys once more: the answers of then.
    const again = await byClients(make);
    expect(again.map(({ id }) => id)).toEqual(ids);
    const digests = await byClients(async (i) => {
      const job = await client.jobs.get(ids[i]!);
      const { status, error } = job;
      expect({ status, error }).toEqual({ status: 'succeeded', error: null });
      expect(await stepsOf(client, job.id)).toEqual(upTo(steps));
      const codes = (await collect(client.jobs.events(job.id))).map(({ code }) => code);
      expect(codes.filter((code) => code === 'job.succeeded')).toHaveLength(1);
      return (await client.adapters.get(job.adapter!)).sha256;
    });
    for (const [i, digest] of digests.entries()) expect(digest).toBe(digests[i % seeds.length]);
    expect(new Set(digests).size).toBe(seeds.length);
    expect(await collect(client.adapters.list())).toHaveLength(jobs);
  },
  hour,
);
