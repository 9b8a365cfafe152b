import { expect, test } from 'vitest';
import { epochOrder } from '#data/shuffle.js';
import { parseTrainingOptions } from '#training/options.js';
import { type CheckpointState, type RunIdentity, startOfRun } from '#training/run-state.js';
import { requireSameCount, requireSameRun } from '#training/same-run.js';

const identity: RunIdentity = {
  engine: 'lowrank 1',
  base: 'sha256:a',
  training: { ...parseTrainingOptions({}) },
  lora: { r: 8 },
  init_adapter: null,
  tokenizer: 't',
  chat_template: 'c',
  training_file: 'd',
  validation_file: null,
  training_tokens: 'n',
  validation_tokens: null,
};

test('a run goes on on other threads and with another memory limit', () => {
  const training = { ...identity.training, threads: 8, memory_limit_bytes: 1, keep_checkpoints: 9 };
  expect(() => requireSameRun('c', identity, { ...identity, training })).not.toThrow();
});

test.each([
  ['checkpoint_engine_mismatch', { engine: 'lowrank 2' }, 'lowrank 2'],
  [
    'checkpoint_engine_mismatch',
    { training_tokens: 'm' },
    'earlier version (lowrank 1), which made other tokens',
  ],
  ['base_changed', { base: 'sha256:b' }, 'sha256:b'],
  ['checkpoint_job_mismatch', { training: { ...identity.training, seed: 1 } }, 'training.seed differs'],
  ['checkpoint_job_mismatch', { lora: { r: 16 } }, 'lora.r differs'],
  ['checkpoint_job_mismatch', { training_file: 'e' }, 'training_file differs'],
  ['checkpoint_job_mismatch', { validation_file: 'e' }, 'validation_file differs'],
  ['checkpoint_job_mismatch', { chat_template: 'e' }, 'chat_template differs'],
  ['checkpoint_job_mismatch', { init_adapter: 'e' }, 'init_adapter differs'],
])('a run does not go on, for %s, when %j', (code, changes, said) => {
  const attempt = () => requireSameRun('c', identity, { ...identity, ...changes });
  expect(attempt).toThrow(expect.objectContaining({ code }) as Error);
  expect(attempt).toThrow(said);
});

/** Blocks of 4, of which block `i` has `i + 1` tokens. */
const store = {
  blockCount: 4,
  readBlock: (block: number) => ({
    tokens: new Int32Array(4),
    segments: Int32Array.from({ length: 4 }, (_, at) => (at <= block ? 1 : 0)),
    trained: new Uint8Array(4),
  }),
};
const [first, second] = epochOrder(7, 1, 4);
const tokensOfRun = 10 + first! + 1 + second! + 1;

function savedWith(trained_tokens: number, training_tokens?: string): CheckpointState {
  const progress = { ...startOfRun, cursor: { epoch: 1, index: 2 }, trained_tokens };
  return { identity: { ...identity, training_tokens }, progress } as CheckpointState;
}

test('a checkpoint without a digest of its tokens goes on where their number is the same', () => {
  expect(() => requireSameCount('c', savedWith(tokensOfRun), store, 7)).not.toThrow();
  expect(() => requireSameCount('c', savedWith(tokensOfRun + 1), store, 7)).toThrow(
    expect.objectContaining({ code: 'checkpoint_engine_mismatch' }) as Error,
  );
  expect(() => requireSameCount('c', savedWith(0, 'n'), store, 7)).not.toThrow();
});
