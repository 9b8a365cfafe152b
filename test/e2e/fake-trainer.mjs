/** A trainer that computes nothing and behaves as the name of its base model says. Started with --wait, as the real one. */
import { readFileSync, writeFileSync } from 'node:fs';

const step = (number) => ({
  type: 'step',
  step: number,
  epoch: 0,
  loss: 1,
  accuracy: 0.5,
  grad_norm: 1,
  learning_rate: 0.1,
  tokens: 8,
  loss_tokens: 8,
  tokens_per_second: 100,
});
const plan = (peak) => ({
  type: 'plan',
  total_steps: 3,
  steps_per_epoch: 1,
  trainable_parameters: 1,
  adapter_bytes: 1,
  modules: [],
  whole_weights: [],
  choices: [],
  chosen: {
    learning_rate: 0.1,
    warmup_steps: 0,
    n_epochs: 3,
    max_steps: 3,
    batch_size: 1,
    block_length: 8,
    eval_steps: null,
    sample_steps: null,
    checkpoint_steps: 1,
    load_best_model_at_end: false,
    recompute: 0,
    memory_limit_bytes: 1,
    threads: 1,
  },
  memory: {
    base_bytes: 0,
    weight_bytes: 0,
    activation_bytes: peak,
    state_bytes: 0,
    peak_bytes: peak,
    limit_bytes: 1,
    limit_source: 'test',
  },
});
/** The number of the one call that a trainer gets. */
let training;
const say = (message) => new Promise((resolve) => process.send(message, resolve));
const send = (update) => say({ call: training, update });
const forever = () => new Promise(() => setInterval(() => {}, 1000));
const block = (seconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 * seconds);

const behaviours = {
  /** One step takes half a minute, and the thread hears nothing meanwhile. */
  async 'slow-step'() {
    block(30);
  },
  /** Says nothing more and does nothing. */
  async hang() {
    await send(step(1));
    await forever();
  },
  async crash() {
    process.abort();
  },
  async exit() {
    writeFileSync(2, 'something is missing\n');
    process.exit(7);
  },
  /** As the kernel does it when there is no memory left. */
  async killed() {
    process.kill(process.pid, 'SIGKILL');
  },
  async greedy() {
    await send(plan(1e15));
    await forever();
  },
  async garbage() {
    await say({ type: 'step', step: 'one' });
    await say({
      call: training,
      error: { code: 'invalid_data', message: 'a \u0000 b \ud800', details: {} },
    });
    process.exit(2);
  },
  async unreadable() {
    await send({ type: 'step', step: 'one' });
    await forever();
  },
};

process.once('disconnect', () => process.exit(1));
process.on('message', async ({ call, method, input }) => {
  if (method === 'stop') {
    await say({ call: training, result: { type: 'cancelled' } });
    process.exit(130);
  }
  if (method !== 'train') return;
  training = call;
  const { base_model_name: name } = JSON.parse(readFileSync(input.job_file, 'utf8'));
  await send({ type: 'started', step: 0, total_steps: 3, resumed_from: null });
  await behaviours[name]();
});
