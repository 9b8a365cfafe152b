import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseTrainingOptions } from '#training/options.js';
import { setTensorflowVariables, tfjsNodeFolder } from './tensorflow.js';

test.each([
  [{}, join(homedir(), '.lowrank/tfjs-node')],
  [{ LOWRANK_HOME: '' }, join(homedir(), '.lowrank/tfjs-node')],
  [{ LOWRANK_HOME: '/data' }, '/data/tfjs-node'],
  [{ LOWRANK_HOME: '~/lowrank' }, join(homedir(), 'lowrank/tfjs-node')],
])('TensorFlow is looked for in the home: %j', (env, folder) => {
  expect(tfjsNodeFolder(env)).toBe(folder);
});

test('TensorFlow is told the threads of a run, and what a person has set stays', () => {
  const env: NodeJS.ProcessEnv = { NVIDIA_TF32_OVERRIDE: '1' };
  setTensorflowVariables(env, parseTrainingOptions({ device: 'tfjs-node', threads: 3 }));
  expect(env).toMatchObject({ TF_NUM_INTRAOP_THREADS: '3', NVIDIA_TF32_OVERRIDE: '1' });
});

test('runs on other devices change no variables', () => {
  const env: NodeJS.ProcessEnv = {};
  setTensorflowVariables(env, parseTrainingOptions({ device: 'eager', threads: 3 }));
  expect(env).toEqual({});
});
