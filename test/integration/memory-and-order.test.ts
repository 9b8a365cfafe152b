import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeModel } from '#runtime/encode.js';
import { executionOrder } from '#runtime/execution-order.js';
import { type NumericArray, zerosFor } from '#runtime/numeric-array.js';
import type { OnnxNode } from '#runtime/onnx-graph.js';
import { Session } from '#runtime/session.js';
import { openTrainingStep, runSteps, type StepSetup } from './training-step.js';

const families = join(import.meta.dirname, '../fixtures/families');
let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'profile-'))));
afterAll(() => rm(folder, { recursive: true }));

const setups: StepSetup[] = [
  { folder: join(families, 'llama'), targets: ['q_proj', 'v_proj'], dropout: 0 },
  { folder: join(families, 'llama'), recomputedSegments: 2 },
  { folder: join(families, 'llama-bf16'), recomputedSegments: 1 },
  { folder: join(families, 'qwen2'), targets: 'all-linear', recomputedSegments: 2 },
];

/** Names of a model's own nodes, those of loops' bodies left out, in the order in which ONNX Runtime ran them. */
async function profiledOrder(setup: StepSetup, index: number): Promise<{ ran: string[]; nodes: OnnxNode[] }> {
  const step = await openTrainingStep(setup);
  const { model } = step.lower();
  await step.runner.close();
  const profile = join(folder, `step${index}`);
  const session = await Session.create(encodeModel(model), {
    device: 'cpu',
    threads: 2,
    spin: false,
    weightFolder: setup.folder,
    profile,
  });
  const { data = {}, scalars = {} } = step.inputsOf(1);
  const given = (name: string): NumericArray | undefined =>
    data[name] ?? (name in scalars ? Float32Array.of(scalars[name]!) : undefined);
  const buffer = (value: (typeof model.inputs)[number]) => ({
    value,
    array: given(value.name) ?? zerosFor({ shape: value.shape, dtype: value.type }),
  });
  await session.run(model.inputs.map(buffer), model.outputs.map(buffer));
  session.endProfiling();
  await session.release();
  const file = (await readdir(folder)).find((name) => name.startsWith(`step${index}`))!;
  const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as {
    cat: string;
    name: string;
    ts: number;
  }[];
  const suffix = '_kernel_time';
  const nodes = [...model.nodes];
  const own = new Set(nodes.map(profileName));
  const ran = events
    .filter(({ cat, name }) => cat === 'Node' && name.endsWith(suffix))
    .map(({ name, ts }) => ({ name: name.slice(0, -suffix.length), ts }))
    .filter(({ name }) => own.has(name))
    .sort((a, b) => a.ts - b.ts);
  return { ran: ran.map(({ name }) => name), nodes };
}

const profileName = ({ outputs, home }: OnnxNode) => `${outputs[0]!.name} ${home}`;

describe('ONNX Runtime runs a training step in the predicted order', () => {
  test.each(setups.map((setup, index) => ({ setup, index })))('$setup', async ({ setup, index }) => {
    const { ran, nodes } = await profiledOrder(setup, index);
    expect(ran).toEqual(executionOrder(nodes).map(profileName));
  });
});

describe('recomputation', () => {
  test.each([
    { folder: join(families, 'llama') },
    { folder: join(families, 'llama'), targets: ['q_proj', 'v_proj'], dropout: 0 },
    { folder: join(families, 'qwen2'), targets: ['down_proj', 'k_proj'] },
    { folder: join(families, 'llama-bf16') },
  ])('of none, some or all blocks gives the same bits, in less memory, $targets', async (setup) => {
    const runs = [];
    for (const recomputedSegments of [0, 1, 2]) {
      const step = await openTrainingStep({ ...setup, recomputedSegments });
      runs.push({ results: await runSteps(step), plan: await step.runner.plan('train') });
      await step.runner.close();
    }
    for (const { results } of runs) expect(results).toEqual(runs[0]!.results);
    const bytes = runs.map(({ plan }) => plan.activationBytes);
    expect(bytes[1]!).toBeLessThan(bytes[0]!);
    expect(bytes[2]!).toBeLessThan(bytes[0]!);
  });
});
