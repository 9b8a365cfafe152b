import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import * as tf from '#jit/ops.js';
import type { Tensor } from '#jit/ops.js';
import { valueAndGrads } from '#jit/differentiate.js';
import { differentiableKernels } from '#jit/tensorflow-gradients.js';
import { type GradientCase, gradientErrors, normal } from '../../test/finite-differences.js';
import { tolerances } from '../../test/tolerances.js';
import { f32, traceOf } from '../../test/trace-of.js';

beforeAll(() => tf.setBackendNow('cpu'));

/** Away from 0, where the functions of this place are smooth. */
const positive = (x: number) => 0.5 + Math.abs(x);
const apart = (x: number) => Math.sign(x) * (0.3 + Math.abs(x));

const unary = (name: string, run: (x: Tensor) => Tensor | Tensor[], place = apart): GradientCase => ({
  name,
  shapes: [[3, 4]],
  run,
  place,
});

/** Of equal shapes, with a row, with a column and with a scalar, on either side. */
const binary = (name: string, run: (a: Tensor, b: Tensor) => Tensor): GradientCase[] =>
  [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], [4]],
    [
      [3, 1],
      [2, 3, 4],
    ],
    [[], [3, 4]],
  ].map((shapes) => ({ name, shapes, run: run as GradientCase['run'], place: apart }));

const flags = (count: number, shape: number[]) =>
  tf.tensor(
    Uint8Array.from({ length: count }, (_, i) => Number(i % 3 === 0)),
    shape,
    'bool',
  );

const products: GradientCase[] = [
  [[], []],
  [[2], [2]],
].flatMap(([left, right]) =>
  [false, true].flatMap((ta) =>
    [false, true].map((tb): GradientCase => ({
      name: 'BatchMatMul',
      shapes: [
        [...left!, ...(ta ? [3, 4] : [4, 3])],
        [...right!, ...(tb ? [5, 3] : [3, 5])],
      ],
      run: (a, b) => tf.matMul(a, b, ta, tb),
    })),
  ),
);

const reductions: GradientCase[] = [
  ['Sum', (x: Tensor) => tf.sum(x)],
  ['Sum', (x: Tensor) => tf.sum(x, [0, 2])],
  ['Sum', (x: Tensor) => tf.sum(x, -1, true)],
  ['Mean', (x: Tensor) => tf.mean(x)],
  ['Mean', (x: Tensor) => tf.mean(x, [1, 2])],
  ['Mean', (x: Tensor) => tf.mean(x, 0, true)],
  ['Max', (x: Tensor) => tf.max(x)],
  ['Max', (x: Tensor) => tf.max(x, [0, 2])],
  ['Max', (x: Tensor) => tf.max(x, -1, true)],
  ['Min', (x: Tensor) => tf.min(x)],
  ['Min', (x: Tensor) => tf.min(x, [1])],
].map(([name, run]) => ({ name, run, shapes: [[2, 3, 4]] }) as GradientCase);

const cases: GradientCase[] = [
  unary('Abs', tf.abs),
  unary('Cos', tf.cos),
  unary('Exp', tf.exp),
  unary('Log', tf.log, positive),
  unary('Neg', tf.neg),
  unary('Reciprocal', tf.reciprocal, positive),
  unary('Relu', tf.relu),
  unary('Rsqrt', tf.rsqrt, positive),
  unary('Sigmoid', tf.sigmoid),
  unary('Sin', tf.sin),
  unary('Softmax', tf.softmax),
  unary('Sqrt', tf.sqrt, positive),
  unary('Square', tf.square),
  unary('Tanh', tf.tanh),
  unary('OnesLike', (x) => tf.mul(tf.onesLike(x), x)),
  unary('ZerosLike', (x) => tf.add(tf.zerosLike(x), x)),
  unary('Cast', (x) => tf.cast(tf.cast(x, 'float32'), 'float32')),
  unary('Identity', (x) => tf.engine().runKernel('Identity', { x })),
  unary('Reshape', (x) => tf.reshape(x, [2, 6])),
  unary('ExpandDims', (x) => tf.expandDims(x, 1)),
  unary('PadV2', (x) =>
    tf.pad(
      x,
      [
        [2, 0],
        [1, 3],
      ],
      9,
    ),
  ),
  unary('Slice', (x) => tf.slice(x, [1, 2], [2, 1])),
  unary('Slice', (x) => tf.slice(x, [1, 0], [-1, 2])),
  unary('SplitV', (x) => tf.split(x, [1, 3], 1)),
  unary('SplitV', (x) => tf.split(x, 3, 0).slice(1)),
  unary('Tile', (x) => tf.tile(x, [2, 3])),
  { name: 'Transpose', shapes: [[2, 3, 4]], run: (x) => tf.transpose(x, [2, 0, 1]) },
  {
    name: 'Concat',
    shapes: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    run: (...xs) => tf.concat(xs, 1),
  },
  {
    name: 'Concat',
    shapes: [
      [2, 3],
      [4, 3],
    ],
    run: (...xs) => tf.concat(xs),
  },
  {
    name: 'Pack',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    run: (...xs) => tf.stack(xs, 2),
  },
  {
    name: 'Pack',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    run: (...xs) => tf.stack(xs),
  },
  ...binary('Add', tf.add),
  ...binary('Maximum', tf.maximum),
  ...binary('Minimum', tf.minimum),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', tf.div),
  ...binary('Sub', tf.sub),
  {
    name: 'Select',
    shapes: [
      [3, 4],
      [3, 4],
    ],
    run: (t, e) => tf.where(flags(12, [3, 4]), t, e),
  },
  { name: 'Select', shapes: [[4], [3, 1]], run: (t, e) => tf.where(flags(12, [3, 4]), t, e) },
  ...products,
  ...reductions,
];

describe('the gradient of', () => {
  test.each(cases)('$name equals the differences of the function, $shapes', (one) => {
    for (const { error, differences } of gradientErrors(one)) {
      expect(error).toBeLessThan(tolerances.finiteDifferences);
      expect(differences.some((value) => Math.abs(value) > 0.01)).toBe(true);
    }
  });

  test('every kernel that has one is covered, by a case that calls it', () => {
    expect([...new Set(cases.map(({ name }) => name))].toSorted()).toEqual(differentiableKernels.toSorted());
    // A graph holds copies and the casts that change nothing under no name, and new axes as reshapes.
    const unseen = ['Identity', 'Cast', 'ExpandDims'];
    for (const { name, shapes, run } of cases.filter(({ name }) => !unseen.includes(name))) {
      const graph = traceOf(
        shapes.map((shape) => f32(...shape)),
        run,
      );
      expect(graph.nodes.map(({ kernel }) => kernel)).toContain(name);
    }
  });

  test('the largest entry goes to every entry that ties, as in TensorFlow.js', () => {
    const gradient = tf.tidy(() => {
      const { grads } = valueAndGrads((x: Tensor) => tf.sum(tf.max(x, 0)))([tf.tensor([1, 3, 3])]);
      return [...grads[0]!.dataSync()] as never;
    });
    expect(gradient).toEqual([0, 1, 1]);
  });
});

test('a gradient is summed over all uses of a tensor', () => {
  const [found] = gradientErrors({
    name: 'uses',
    shapes: [[3]],
    run: (x) => tf.add(tf.mul(x, x), tf.sum(tf.mul(x, tf.tensor(normal('other', [3]))))),
  });
  expect(found!.error).toBeLessThan(tolerances.finiteDifferences);
});
