/**
 * How soon a second job on the same base takes its first step, from its submission, and how fast a status is read meanwhile.
 *
 *     node dist/tools/check/time-to-first-step.js --model FOLDER --data chats.jsonl
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { JobCreate } from '#contracts/http/job-create.js';
import { LowrankClient } from '#client/client.js';
import { startStack } from '../../apps/cli/src/launcher/launcher.js';
import { LogPrinter } from '../../apps/cli/src/launcher/log-lines.js';
import { uploadFile } from '../../apps/cli/src/upload-file.js';

const { values } = parseArgs({ options: { model: { type: 'string' }, data: { type: 'string' } } });
const { model: folder, data } = values;
if (!folder || !data) throw new Error('--model and --data are needed');

/** Seconds from the submission to the first step, and milliseconds of each status read until the end. */
async function run(client: LowrankClient, job: JobCreate): Promise<{ first: number; reads: number[] }> {
  const start = performance.now();
  const { id } = await client.jobs.create(job);
  let first = 0;
  const reads: number[] = [];
  const ended = (async () => {
    for await (const metric of client.jobs.followMetrics(id)) {
      if (metric.kind === 'step') first ||= (performance.now() - start) / 1000;
    }
  })();
  const state = { over: false };
  void ended.then(() => (state.over = true));
  while (!state.over) {
    const before = performance.now();
    await client.jobs.get(id);
    reads.push(performance.now() - before);
  }
  await ended;
  return { first, reads };
}

const home = mkdtempSync(join(tmpdir(), 'first-step-'));
const log = new LogPrinter({ json: false, colour: false, write: () => {} });
const stack = await startStack({ environment: { ...process.env, LOWRANK_HOME: home, PORT: '0' }, log });
try {
  const client = new LowrankClient({ url: stack.url });
  await client.models.add({ folder: resolve(folder), name: 'timed' });
  const { id } = await uploadFile(client, data);
  const job: JobCreate = {
    model: 'timed',
    training_file: id,
    lora: { r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'] },
    training: { max_steps: 4, batch_size: 2, block_length: 256 },
  };
  for (const name of ['first', 'second']) {
    const { first, reads } = await run(client, job);
    const sorted = reads.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(1);
    console.log(
      `${name} job: first step after ${first.toFixed(1)} s; ${reads.length} status reads, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    );
  }
} finally {
  await stack.stop();
  rmSync(home, { recursive: true, force: true });
}
