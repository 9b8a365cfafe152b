import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainerJobInput } from '#contracts/trainer-job.js';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { writeTinyJob } from '../e2e/tiny-job.js';
import { runForked, writeJob } from '../e2e/trainer-process.js';
import { tolerances } from '../tolerances.js';
import { tfjsNodeHome } from './places.js';

let folder: string;
let job: TrainerJobInput;
let runs = 0;

beforeAll(async () => {
  process.env['LOWRANK_HOME'] = tfjsNodeHome();
  folder = await mkdtemp(join(tmpdir(), 'tfjs-node-trainer-'));
  job = await writeTinyJob(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** A job file for a device, and where its run writes. */
async function jobOn(device: string, changes: object = {}) {
  const output = `out-${runs++}`;
  const training = { ...job.training, max_steps: 6, checkpoint_steps: 2, device, ...changes };
  const file = await writeJob(folder, { ...job, output_folder: output, training } as TrainerJobInput);
  return { file, out: join(folder, output) };
}

const lossesOf = (messages: readonly TrainerMessage[]) =>
  messages.flatMap((message) => (message.type === 'step' ? [message.loss] : []));

test('a job on tfjs-node gives every loss of the compiled one and writes samples', async () => {
  const compiled = await runForked((await jobOn('cpu')).file);
  const { file } = await jobOn('tfjs-node', { sample_prompts: ['What is'], sample_max_tokens: 4 });
  const { code, messages, stderr } = await runForked(file);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [expected, actual] = [lossesOf(compiled.messages), lossesOf(messages)];
  expect(actual).toHaveLength(6);
  expected.forEach((loss, i) => expect(Math.abs(loss - actual[i]!)).toBeLessThan(tolerances.loss));
  expect(messages.some(({ type }) => type === 'samples')).toBe(true);
});

test('a run on tfjs-node that was killed gives the adapter of one that was not', async () => {
  const adapterOf = (out: string) => readFile(join(out, 'adapter/adapter_model.safetensors'));
  const whole = await jobOn('tfjs-node');
  expect((await runForked(whole.file)).code).toBe(0);
  const cut = await jobOn('tfjs-node');
  const killed = await runForked(cut.file, {}, (message, { child }) => {
    if (message.type === 'step' && message.step === 5) child.kill('SIGKILL');
  });
  expect(killed.signal).toBe('SIGKILL');
  const resumed = await runForked(cut.file, { resume: true });
  expect(resumed.messages.find(({ type }) => type === 'started')).toMatchObject({ step: 4 });
  expect(await adapterOf(cut.out)).toEqual(await adapterOf(whole.out));
});

test('the device for GPUs is refused where it is not installed, with the command that does it', async () => {
  const { code, messages } = await runForked((await jobOn('tfjs-node-gpu')).file);
  // Nothing is wrong with the job: it is the machine that lacks something.
  expect(code).toBe(1);
  const message = expect.stringContaining('lowrank doctor --install tfjs-node-gpu') as unknown;
  expect(messages.at(-1)).toMatchObject({ type: 'failed', error: { code: 'tfjs_node_missing', message } });
});
