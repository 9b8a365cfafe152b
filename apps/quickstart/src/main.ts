/**
 * The quickstart: trains the sample job in a process of its own and shows what it learned.
 *
 *     node dist/apps/quickstart/src/main.js [--json] [--seed N] [--validation FILE]
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { trainingEnvironment } from '#runtime/process-environment.js';
import { sample, trainingSummary } from '#training/events.js';
import { readMetrics } from '#training/metrics-log.js';
import { prompt, sampleJob } from './sample-job.js';
import { sideBySide } from './side-by-side.js';

const root = resolve(import.meta.dirname, '../../../..');
const trainer = join(root, 'dist/apps/trainer/src/main.js');

interface Result {
  readonly ok: boolean;
  readonly validation_loss_before: number;
  readonly validation_loss_after: number;
  readonly adapter_path: string;
  readonly adapter_bytes: number;
  readonly steps: number;
  readonly seconds: number;
}

/** A folder that no earlier run has. */
async function newRunFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (let number = 1; ; number++) {
    const folder = join(parent, String(number));
    try {
      await mkdir(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Runs the trainer, which shows its own progress; yields its exit code. */
function train(jobFile: string, onStart: (stop: (signal: NodeJS.Signals) => void) => void): Promise<number> {
  const child = spawn(process.execPath, [trainer, jobFile], {
    stdio: 'inherit',
    env: { ...process.env, ...trainingEnvironment },
  });
  onStart((signal) => child.kill(signal));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** The answers of the base model and of the adapter to the prompt. */
async function answers(file: string): Promise<{ base: string; adapter: string }> {
  const records = z
    .array(z.object({ step: z.int(), samples: z.array(sample) }))
    .min(2)
    .parse(await readMetrics(file));
  const answerOf = (record: (typeof records)[number]) => `${prompt}${record.samples[0]?.answer ?? ''}`;
  return { base: answerOf(records[0]!), adapter: answerOf(records.at(-1)!) };
}

function report(result: Result, texts: { base: string; adapter: string }, width: number): string {
  const folder = relative(process.cwd(), result.adapter_path);
  const change = 100 * (1 - result.validation_loss_after / result.validation_loss_before);
  return `
validation loss: ${result.validation_loss_before.toFixed(3)} before, ${result.validation_loss_after.toFixed(3)} after (${change.toFixed(1)}% less)
adapter: ${folder} (${(result.adapter_bytes / 1e6).toFixed(2)} MB, PEFT's format)

The same prompt, answered by both:

${sideBySide({ title: 'base model', text: texts.base }, { title: 'with the adapter', text: texts.adapter }, width).join('\n')}

What next:
- Train on your own text: write one {"text": "..."}, {"prompt": "...", "completion": "..."} or {"messages": [...]} a line
  into a .jsonl file and put it in place of training_file in ${relative(process.cwd(), resolve(result.adapter_path, '../../job.json'))}
- Train a real model: set base_model to any folder with config.json, *.safetensors and tokenizer.json, then
  node dist/apps/trainer/src/main.js JOB.json
- Load the adapter in Python: PeftModel.from_pretrained(base, "${folder}")
`;
}

const usage = 'Usage: npm run quickstart [-- --json] [--seed N] [--validation FILE] [--output FOLDER]';

async function main(): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        validation: { type: 'string' },
        output: { type: 'string', default: '.lowrank/quickstart' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return 2;
  }
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const folder = await newRunFolder(resolve(values.output));
  const job = sampleJob({
    model: join(root, 'models/prose-4m'),
    data: join(root, 'examples/quickstart'),
    output: join(folder, 'run'),
    cache: resolve(values.output, 'cache'),
    seed: Number(values.seed),
  });
  if (values.validation !== undefined) job.validation_file = resolve(values.validation);
  const jobFile = join(folder, 'job.json');
  await writeFile(jobFile, `${JSON.stringify(job, null, 2)}\n`);
  const code = await train(jobFile, (stop) => {
    // The terminal sends Ctrl-C to both; this process waits for the trainer's last checkpoint.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => stop('SIGTERM'));
  });
  if (code !== 0) {
    if (values.json) console.log(JSON.stringify({ ok: false, exit_code: code, job_file: jobFile }));
    return code;
  }
  const summary = trainingSummary.parse(JSON.parse(await readFile(join(folder, 'run/summary.json'), 'utf8')));
  const { first_evaluation: first, last_evaluation: last, best_evaluation: best } = summary;
  const result: Result = {
    ok: true,
    validation_loss_before: first!.loss,
    validation_loss_after: best?.step === summary.adapter_step ? best.loss : last!.loss,
    adapter_path: summary.adapter_folder,
    adapter_bytes: summary.adapter_bytes,
    steps: summary.steps,
    seconds: Math.round(performance.now() / 100) / 10,
  };
  console.log(
    report(result, await answers(join(folder, 'run/samples.jsonl')), process.stdout.columns || 110),
  );
  if (values.json) console.log(JSON.stringify(result));
  return 0;
}

process.exitCode = await main();
