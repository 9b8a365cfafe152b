/**
 * The quickstart: brings the service up, sends it the sample job and shows what came of it.
 *
 *     node dist/apps/cli/src/quickstart/main.js [--json] [--seed N] [--validation FILE]
 */
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { MetricObject } from '#contracts/http/streams.js';
import { LowrankError } from '#base/errors.js';
import { LowrankClient } from '#client/client.js';
import { exitCodes } from '#base/error-codes.js';
import { fetchAdapter } from '../downloads/fetch-folder.js';
import { exitCodeOf, Interrupted } from '../exit-codes.js';
import { followJob } from '../follow-job.js';
import { programRoot } from '#platform/program.js';
import { endOf } from '../job-end.js';
import { startStack } from '../launcher/launcher.js';
import { LogPrinter } from '../launcher/log-lines.js';
import { Output } from '../output.js';
import { planText } from '../plan-text.js';
import { uploadFile } from '../upload-file.js';
import { answers, type QuickstartResult, reportText, validationLosses } from './report.js';
import { sampleJob } from './sample-job.js';

const usage = 'Usage: npm run quickstart [-- --json] [--seed N] [--validation FILE]';

interface Service {
  readonly url: string;
  stop(): Promise<void>;
}

/** The service on this machine: one that runs on the home already, or one of our own on a free port. */
async function openService(signal: AbortSignal): Promise<Service> {
  const log = new LogPrinter({ json: false, colour: false, write: () => {} });
  const environment = { ...process.env, PORT: '0' };
  try {
    return await startStack({ environment, log, signal });
  } catch (error) {
    const url = error instanceof LowrankError && error.code === 'home_in_use' && error.details['url'];
    if (typeof url !== 'string') throw error;
    return { url, stop: () => Promise.resolve() };
  }
}

async function train(
  client: LowrankClient,
  {
    seed,
    validation,
    output,
    signal,
  }: { seed: number; validation: string; output: Output; signal: AbortSignal },
): Promise<QuickstartResult> {
  const data = join(programRoot, 'examples/quickstart');
  const training = await uploadFile(client, join(data, 'train.jsonl'), { signal });
  const held = await uploadFile(client, validation, { signal });
  const body = sampleJob({ training: training.id, validation: held.id }, seed);
  output.say(planText(await client.jobs.plan(body, { signal }), output));
  const created = await client.jobs.create(body, { signal });
  output.say(`job: ${created.id}`);
  let job;
  try {
    job = await followJob(client, created.id, output, { signal });
  } catch (error) {
    if (signal.aborted) await client.jobs.cancel(created.id).catch(() => undefined);
    throw error;
  }
  const end = endOf(job);
  if (end instanceof Error) throw end;
  const metrics: MetricObject[] = [];
  for await (const metric of client.jobs.metrics(job.id)) metrics.push(metric);
  const adapter = await client.adapters.get(job.adapter!);
  const folder = resolve('.lowrank/quickstart', job.id);
  await mkdir(folder, { recursive: true });
  const adapterFolder = join(folder, 'adapter');
  await fetchAdapter(client, adapter, adapterFolder, { signal });
  const { before, after } = validationLosses(metrics);
  const result: QuickstartResult = {
    ok: true,
    validation_loss_before: before,
    validation_loss_after: after,
    adapter_path: adapterFolder,
    adapter_bytes: adapter.bytes,
    steps: job.progress.step,
    seconds: Math.round(performance.now() / 100) / 10,
  };
  const looks = {
    width: Math.max(output.width, 80),
    folder: relative(process.cwd(), adapterFolder),
    job: job.id,
  };
  output.say(reportText(result, answers(metrics), looks));
  return result;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      validation: { type: 'string', default: join(programRoot, 'examples/quickstart/validation.jsonl') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return exitCodes.done;
  }
  const { stdout, stderr } = process;
  const output = new Output({
    stdout,
    stderr,
    json: false,
    colour: stdout.isTTY && !process.env['NO_COLOR'],
  });
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupt.abort(new Interrupted(name)));
  const { signal } = interrupt;
  output.say('starting the service: database, API, worker');
  const service = await openService(signal);
  try {
    const client = new LowrankClient({ url: service.url, key: process.env['LOWRANK_API_KEY'] });
    const result = await train(client, {
      seed: Number(values.seed),
      validation: resolve(values.validation),
      output,
      signal,
    });
    if (values.json) console.log(JSON.stringify(result));
    return exitCodes.done;
  } finally {
    await service.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof LowrankError ? `${error.code}: ${error.message}` : error);
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ ok: false, error: (error as Error).message }));
  process.exitCode = exitCodeOf(error);
}
