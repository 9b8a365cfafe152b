import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAdapter } from '#adapters/read-adapter.js';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { trainingSummary } from '#training/events.js';
import { readMetrics } from '#training/metrics-log.js';
import { tinySteps, writeTinyJob } from './tiny-job.js';
import { runByHand, runForked, writeJob } from './trainer-process.js';

let folder: string;
let job: TrainerJobInput;
let runs = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainer-'));
  job = await writeTinyJob(folder);
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** The job with an output folder of its own, and changes. */
async function jobFile(changes: Partial<TrainerJobInput> = {}): Promise<{ file: string; out: string }> {
  const output = `out-${runs++}`;
  const file = await writeJob(folder, { ...job, output_folder: output, ...changes });
  return { file, out: join(folder, output) };
}

function ofType<T extends TrainerMessage['type']>(messages: readonly TrainerMessage[], type: T) {
  return messages.filter((message): message is Extract<TrainerMessage, { type: T }> => message.type === type);
}

describe('a job run by hand', () => {
  test('is printed as the graphs of its steps, and nothing is trained', async () => {
    const { file, out } = await jobFile();
    const { code, stdout } = await runByHand(file, ['--graph']);
    expect(code).toBe(0);
    expect([...stdout.matchAll(/^## (\w+)$/gm)].map(([, name]) => name)).toEqual([
      'accumulate',
      'optimizerStep',
      'evaluate',
    ]);
    expect(stdout).toMatch(/^%\d+: f32\[.*\] = \w+\(.*model\.layers\.0\.self_attn\.q_proj\.weight/m);
    const left = await readdir(out).catch(() => []);
    expect(left.filter((name) => name !== 'cache')).toEqual([]);
  });

  test('leaves the adapter, all metrics, checkpoints, the job as run and a summary', async () => {
    const { file, out } = await jobFile();
    const { code, stdout, stderr } = await runByHand(file, ['--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { summary } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { summary: unknown };
    const parsed = trainingSummary.parse(summary);
    expect(parsed).toMatchObject({ steps: tinySteps, adapter_folder: join(out, 'adapter') });
    expect(JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'))).toEqual(summary);
    expect(parsed.last_evaluation!.loss).toBeLessThan(parsed.first_evaluation!.loss);

    const adapter = await readAdapter(join(out, 'adapter'));
    expect(adapter.modules.size).toBe(4);
    expect(adapter.config).toMatchObject({ r: 4, base_model_name_or_path: 'tiny/model' });

    const metrics = await readMetrics(join(out, 'metrics.jsonl'));
    const steps = metrics.filter(({ type }) => type === 'step').map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: tinySteps }, (_, i) => i + 1));
    const evaluated = metrics.filter(({ type }) => type === 'evaluation').map(({ step }) => step);
    expect(evaluated).toEqual([0, 4, 8, 12, 16, 20]);

    expect((await readdir(join(out, 'checkpoints'))).toSorted()).toContain('step-000020');
    const record = JSON.parse(await readFile(join(out, 'job.json'), 'utf8')) as { chosen: object };
    expect(record.chosen).toMatchObject({ block_length: 128, max_steps: tinySteps });
    expect((await readdir(out)).toSorted()).toEqual([
      'adapter',
      'checkpoints',
      'job.json',
      'metrics.jsonl',
      'samples.jsonl',
      'summary.json',
    ]);
  });

  test('shows the first example with its learned tokens marked before it trains', async () => {
    const { file } = await jobFile();
    const { stdout } = await runByHand(file);
    expect(stdout.indexOf('\u27e6It is 0.<|eot_id|>\u27e7')).toBeGreaterThan(0);
    expect(stdout.indexOf('\u27e6')).toBeLessThan(stdout.indexOf('step 1/'));
  });

  test('writes sample answers at their steps', async () => {
    const { file, out } = await jobFile({
      training: {
        ...job.training,
        sample_prompts: ['What', [{ role: 'user', content: 'What is 1 plus 1?' }]],
        sample_steps: 10,
        sample_max_tokens: 3,
      },
    });
    expect((await runByHand(file)).code).toBe(0);
    const samples = await readMetrics(join(out, 'samples.jsonl'));
    expect(samples.map(({ step }) => step)).toEqual([0, 10, 20]);
    expect(samples[0]).toMatchObject({ samples: [{ prompt: 'What' }, { finish_reason: 'length' }] });
  });

  test('ends with 130 and a checkpoint after Ctrl-C, and goes on from there', async () => {
    const whole = await jobFile();
    expect((await runByHand(whole.file)).code).toBe(0);
    const { file, out } = await jobFile();
    const stopped = await runByHand(file, [], (text, child) => {
      if (text.includes('step 5/')) child.kill('SIGINT');
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('cancelled');
    expect(await readdir(out)).not.toContain('adapter');
    const resumed = await runByHand(file, ['--resume']);
    expect(resumed.stdout).toMatch(/resumed after step \d+/);
    expect(await adapterBytes(out)).toEqual(await adapterBytes(whole.out));
  });

  test('goes on training from another adapter', async () => {
    const first = await jobFile();
    await runByHand(first.file);
    const second = await jobFile({ lora: null, init_adapter: join(first.out, 'adapter') });
    const { messages, code } = await runForked(second.file);
    expect(code).toBe(0);
    const before = JSON.parse(await readFile(join(first.out, 'summary.json'), 'utf8')) as {
      best_evaluation: { loss: number };
    };
    expect(ofType(messages, 'evaluation')[0]!.loss).toBe(before.best_evaluation.loss);
  });
});

function adapterBytes(out: string): Promise<Buffer> {
  return readFile(join(out, 'adapter', 'adapter_model.safetensors'));
}

describe('a forked trainer', () => {
  test('tells its parent everything in typed messages, in order', async () => {
    const { file } = await jobFile();
    const { code, messages, stdout } = await runForked(file);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const order = messages.map(({ type }) => type).filter((type) => type !== 'progress');
    expect(order.slice(0, 4)).toEqual(['prepared', 'plan', 'started', 'evaluation']);
    expect(order.at(-1)).toBe('finished');
    expect(ofType(messages, 'step')).toHaveLength(tinySteps);
    expect(ofType(messages, 'plan')[0]).toMatchObject({ trainable_parameters: 896, total_steps: tinySteps });
  });

  async function cancelAfterStep10(checkpoint: boolean) {
    const training = { ...job.training, max_steps: 5000, eval_steps: null, checkpoint_steps: 5000 };
    const { file, out } = await jobFile({ training });
    const { code, messages } = await runForked(file, {}, (message, trainer) => {
      if (message.type === 'step' && message.step === 10) trainer.stop({ checkpoint });
    });
    expect(code).toBe(130);
    expect(messages.at(-1)).toEqual({ type: 'cancelled' });
    expect(await readdir(out)).not.toContain('adapter');
    return {
      last: ofType(messages, 'step').at(-1)!.step,
      kept: ofType(messages, 'checkpoint').map(({ step }) => step),
    };
  }

  test('stops when it is told to and keeps what is done in a checkpoint', async () => {
    const { last, kept } = await cancelAfterStep10(true);
    expect(kept).toEqual([last]);
  });

  test('stops when it is told to without a checkpoint', async () => {
    expect((await cancelAfterStep10(false)).kept).toEqual([]);
  });

  test('writes a checkpoint when it is told to', async () => {
    const training = { ...job.training, max_steps: 200, eval_steps: null, checkpoint_steps: 1000 };
    const { file } = await jobFile({ training });
    const { code, messages } = await runForked(file, {}, (message, trainer) => {
      if (message.type === 'step' && message.step === 2) trainer.requestCheckpoint();
    });
    expect(code).toBe(0);
    const steps = ofType(messages, 'checkpoint').map(({ step }) => step);
    expect(steps).toHaveLength(2);
    expect(steps[0]).toBeGreaterThanOrEqual(2);
    expect(steps[1]).toBe(200);
  });

  test('started again compiles nothing and loads no TensorFlow.js', async () => {
    // CommonJS modules that are loaded, as TensorFlow.js is, stand in this cache.
    const listModules = `import module from 'node:module';
      process.on('exit', () => console.log(Object.keys(module._cache).filter((name) => name.includes('tensorflow'))));`;
    const execArgv = ['--import', `data:text/javascript,${encodeURIComponent(listModules)}`];
    const start = async () =>
      runForked((await jobFile({ cache_folder: 'cache-of-two' })).file, {}, undefined, execArgv);
    expect((await start()).stdout).toContain('tfjs-core');
    const { messages, stdout } = await start();
    expect(messages.at(-1)).toMatchObject({ type: 'finished' });
    expect(ofType(messages, 'progress').filter(({ stage }) => stage === 'compile')).toEqual([]);
    expect(stdout).toBe('[]\n');
  });

  test('ends when its parent is gone', async () => {
    const { file } = await jobFile({ training: { ...job.training, max_steps: 1_000_000, eval_steps: null } });
    const { code } = await runForked(file, {}, (message, { child }) => {
      if (message.type === 'step' && message.step === 3 && child.connected) child.disconnect();
    });
    expect(code).toBe(130);
  });
});

describe('the eager device', () => {
  test('gives the losses of the compiled one, dropout and accumulation included', async () => {
    const losses = async (device: 'cpu' | 'eager') => {
      const { file } = await jobFile({
        validation_file: null,
        training: { ...job.training, max_steps: 4, block_length: 64, device },
      });
      const { messages } = await runForked(file);
      return ofType(messages, 'step').map(({ loss }) => loss);
    };
    const [compiled, eager] = [await losses('cpu'), await losses('eager')];
    expect(compiled).toHaveLength(4);
    compiled.forEach((loss, i) => expect(Math.abs(loss - eager[i]!)).toBeLessThan(1e-4));
  });
});

describe('a bad job', () => {
  async function failure(changes: Record<string, unknown>) {
    const { file } = await jobFile(changes);
    const { code, messages } = await runForked(file);
    return { code, failed: ofType(messages, 'failed')[0] };
  }

  test.each([
    ['a job with unknown fields', { trainingfile: 'x' }, 'job_invalid'],
    ['options out of range', { training: { learning_rate: -1 } }, 'job_invalid'],
    ['an option that is not done', { training: { neftune_noise_alpha: 5 } }, 'unsupported'],
    ['a missing model', { base_model: 'nowhere' }, 'model_folder_not_found'],
    ['a missing data set', { training_file: 'nowhere.jsonl' }, 'file_not_found'],
    ['a data set in another format', { training_file: 'model/config.json' }, 'invalid_data'],
    ['targets that match nothing', { lora: { target_modules: ['quux'] } }, 'no_target_modules'],
    ['a missing initial adapter', { init_adapter: 'nowhere' }, 'adapter_not_found'],
    ['another base model than expected', { base_identity: `sha256:${'0'.repeat(64)}` }, 'base_changed'],
    ['blocks beyond the context', { training: { block_length: 4096 } }, 'training_options_invalid'],
    [
      'a memory limit that cannot be met',
      { training: { memory_limit_bytes: 1e7 } },
      'out_of_memory_predicted',
    ],
  ])('%s ends with exit code 2 and its error', async (_, changes, code) => {
    const result = await failure(changes);
    expect(result).toMatchObject({ code: 2, failed: { error: { code } } });
  });

  test('a job file that the run would write over is refused', async () => {
    const out = join(folder, 'own-place');
    await mkdir(out);
    const file = join(out, 'job.json');
    await writeFile(file, JSON.stringify({ ...job, base_model: '../model', output_folder: '.' }));
    const { code, messages } = await runForked(file, { resume: true });
    expect(code).toBe(2);
    expect(ofType(messages, 'failed')[0]).toMatchObject({ error: { code: 'job_file_in_output' } });
  });

  test('resuming with another option is refused by its name', async () => {
    const { file, out } = await jobFile();
    await runByHand(file);
    const output_folder = basename(out);
    const changed = await jobFile({ output_folder, training: { ...job.training, seed: 8 } });
    const { code, messages } = await runForked(changed.file, { resume: true });
    expect(code).toBe(2);
    const [failed] = ofType(messages, 'failed');
    expect(failed!.error).toMatchObject({
      code: 'checkpoint_job_mismatch',
      details: { field: 'training.seed' },
    });
  });

  test('an output folder that holds a run is not written over', async () => {
    const { file } = await jobFile();
    await runByHand(file);
    const again = await runByHand(file, ['--json']);
    expect(again.code).toBe(2);
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1)!)).toMatchObject({
      status: 'failed',
      error: { code: 'output_not_empty' },
    });
  });

  test('a learning rate that blows up ends with exit code 2, naming the step', async () => {
    const training = {
      learning_rate: 1,
      max_grad_norm: null,
      max_steps: 60,
      warmup_steps: 0,
      weight_decay: 10,
    };
    const { file, out } = await jobFile({ lora: { ...job.lora, lora_alpha: 1e30 }, training });
    const { code, messages } = await runForked(file);
    expect(code).toBe(2);
    const [failed] = ofType(messages, 'failed');
    expect(failed!.error.code).toMatch(/^(loss|gradient)_not_finite$/);
    expect(failed!.error.message).toMatch(/step \d+/);
    expect(await readdir(out)).not.toContain('adapter');
  });

  test('a base model that was changed since is refused on resuming', async () => {
    const model = join(folder, 'changed-model');
    await cp(join(folder, 'model'), model, { recursive: true });
    const { file } = await jobFile({ base_model: model });
    await runByHand(file, [], (text, child) => {
      if (text.includes('step 7/')) child.kill('SIGKILL');
    });
    const weights = await readFile(join(model, 'model.safetensors'));
    weights[weights.length - 1]! ^= 1;
    await writeFile(join(model, 'model.safetensors'), weights);
    const { code, messages } = await runForked(file, { resume: true });
    expect(code).toBe(2);
    expect(ofType(messages, 'failed')[0]).toMatchObject({ error: { code: 'base_changed' } });
  });
});
