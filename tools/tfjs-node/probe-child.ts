/** The process of `probeTfjsNode`: loads a backend, takes a small step with a gradient, and says how it went. */
import { LowrankError } from '#base/errors.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { matMul, mul, square, sum, type Tensor } from '#jit/ops.js';
import { isTfjsNodeKind } from '#runtime/device.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import { loadTfjsNode } from '#runtime/tfjs-node.js';
import type { ProbeAnswer } from './probe.js';

async function probe(kind: string, folder: string): Promise<ProbeAnswer> {
  if (!isTfjsNodeKind(kind))
    throw new LowrankError('tfjs_node_missing', `there is no tfjs-node called ${kind}`);
  const { backend, tensorflow, gpu } = loadTfjsNode(kind, folder);
  // The gradient of sum((x w)^2) for w is 2 x^T (x w).
  const program = ({ data }: { data: Readonly<Record<string, Tensor>> }) => {
    const loss = (w: Tensor) => sum(square(matMul(data['x']!, w)));
    const { value, grads } = valueAndGrads((w: Tensor) => mul(loss(w), 1))([data['w']!]);
    return { outputs: { value, gradient: grads[0]! }, state: {} };
  };
  const f32 = { shape: [2, 2], dtype: 'float32' } as const;
  const spec = { data: { x: f32, w: f32 }, scalars: [], state: {}, weights: {} };
  const runner = new EagerRunner(
    { step: { program, spec } },
    {},
    () => Promise.reject(new Error('none')),
    backend,
  );
  const data = { x: Float32Array.of(1, 2, 3, 4), w: Float32Array.of(1, 0, 0, 2) };
  const { value, gradient } = await runner.run('step', { data });
  await runner.close();
  const [got, wanted] = [
    [value![0]!, ...gradient!],
    [90, 20, 56, 28, 80],
  ];
  if (got.some((number, i) => !(Math.abs(number - wanted[i]!) < 1e-3))) {
    throw new LowrankError(
      'tfjs_node_wrong',
      `${kind} gives ${got.join(', ')} where ${wanted.join(', ')} is right`,
    );
  }
  return { ok: true, tensorflow, gpu };
}

const [kind = '', folder = ''] = process.argv.slice(2);
let answer: ProbeAnswer;
try {
  answer = await probe(kind, folder);
} catch (error) {
  const code = error instanceof LowrankError ? error.code : 'tfjs_node_broken';
  answer = { ok: false, code, message: (error as Error).message };
}
process.stdout.write(JSON.stringify(answer));
