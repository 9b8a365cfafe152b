/**
 * A case for every entry of the lowering table: a small step that calls the kernel, forward and, where it has one,
 * its gradient. The same cases serve every device.
 */
import { attention } from '#jit/ops/attention.js';
import { maxPool2d } from '#jit/ops/max-pool.js';
import { crossEntropy, lossHead, sequenceLogProbs } from '#jit/ops/loss-head.js';
import { embedding, linear } from '#jit/ops/linear.js';
import { gated } from '#jit/ops/gated.js';
import { gatherRows } from '#jit/ops/gather-rows.js';
import { gelu } from '#jit/ops/gelu.js';
import { loop } from '#jit/ops/loop.js';
import { pickColumn } from '#jit/ops/pick-column.js';
import { dropout, randomBits } from '#jit/ops/random-bits.js';
import { rmsNorm } from '#jit/ops/rms-norm.js';
import { rotary } from '#jit/ops/rotary.js';
import { swiGlu } from '#jit/ops/swiglu.js';
import * as tf from '#jit/ops.js';
import type { Tensor } from '#jit/ops.js';
import { streamKeys } from '#jit/random.js';
import { preferenceMeasures } from '#training/objectives/dpo.js';
import {
  angles,
  booleans,
  type CaseInput,
  headInputs,
  integers,
  ints,
  type KernelCase,
  manyAngles,
  normal,
  packedMask,
  positive,
  startStreams,
} from './case-inputs.js';
import { convolutionKernels, convolutionVariants } from './convolution-cases.js';

// ---- cases ----

const unary = (name: string, run: (x: Tensor) => Tensor, input = normal(3, 5)): KernelCase => ({
  name,
  inputs: [input],
  differentiated: 1,
  run: ([x]) => run(x!),
});

/** With a row that is repeated, so that the gradient has to be summed back. */
const binary = (name: string, run: (a: Tensor, b: Tensor) => Tensor): KernelCase => ({
  name,
  inputs: [normal(4, 5), positive(5)],
  differentiated: 2,
  run: ([a, b]) => run(a!, b!),
});

const comparison = (name: string, run: (a: Tensor, b: Tensor) => Tensor): KernelCase => ({
  name,
  inputs: [integers(3, 4, 5), integers(3, 5)],
  differentiated: 0,
  run: ([a, b]) => run(a!, b!),
});

const attentionCase = (name: string, length: number, softcap = 0): KernelCase => ({
  name,
  inputs: [normal(2, 2, length, 3, 4), normal(2, 2, length, 4), normal(2, 2, length, 4), packedMask(length)],
  differentiated: 3,
  run: ([q, k, v, mask]) => attention(q!, k!, v!, mask!, { scale: 0.5, softcap }),
});

const normCase = (name: string): KernelCase => ({
  name,
  inputs: [normal(6, 8), positive(8)],
  differentiated: 2,
  run: ([x, weight]) => rmsNorm(x!, weight!, 1e-5),
});

const swiGluCase = (name: string): KernelCase => ({
  name,
  inputs: [normal(4, 6), normal(4, 6)],
  differentiated: 2,
  run: ([gate, up]) => swiGlu(gate!, up!),
});

const key: CaseInput = ints([...streamKeys(7, 3, ['a', 'b'])], [2, 2]);

export function kernelCases(): KernelCase[] {
  startStreams(0);
  return [
    unary('Abs', tf.abs),
    binary('Add', tf.add),
    { name: 'ArgMax', inputs: [normal(4, 5)], differentiated: 0, run: ([x]) => tf.argMax(x!, 1) },
    attentionCase('Attention', 8),
    attentionCase('AttentionGradient', 10),
    {
      name: 'BatchMatMul',
      inputs: [normal(2, 3, 4), normal(2, 5, 4), normal(6, 3), normal(6, 4)],
      differentiated: 4,
      run: ([a, b, c, d]) => [tf.matMul(a!, b!, false, true), tf.matMul(c!, d!, true, false)],
    },
    {
      name: 'Cast',
      inputs: [normal(4, 5)],
      differentiated: 0,
      run: ([x]) => tf.cast(tf.mul(x!, 3), 'int32'),
    },
    {
      name: 'Concat',
      inputs: [normal(2, 3), normal(2, 4)],
      differentiated: 2,
      run: ([a, b]) => tf.concat([a!, b!], 1),
    },
    ...convolutionKernels(),
    unary('Cos', tf.cos, manyAngles()),
    comparison('Equal', tf.equal),
    unary('Exp', tf.exp),
    {
      name: 'Fill',
      inputs: [normal(2, 3)],
      differentiated: 1,
      run: ([x]) => tf.concat([x!, tf.fill([2, 3], 4)]),
    },
    {
      name: 'Gated',
      inputs: [normal(3, 5), normal(3, 5), positive()],
      differentiated: 2,
      run: ([x, y, gate]) => tf.add(y!, gated(x!, gate!)),
    },
    {
      name: 'GatherV2',
      inputs: [normal(5, 3), integers(5, 2, 2)],
      differentiated: 0,
      run: ([x, i]) => [tf.gather(x!, i!), tf.gather(x!, tf.cast(tf.zeros([2]), 'int32'), 1)],
    },
    comparison('Greater', tf.greater),
    comparison('GreaterEqual', tf.greaterEqual),
    comparison('Less', tf.less),
    comparison('LessEqual', tf.lessEqual),
    unary('Log', tf.log, positive(3, 5)),
    {
      name: 'LogicalAnd',
      inputs: [booleans(4, 5), booleans(5)],
      differentiated: 0,
      run: ([a, b]) => tf.logicalAnd(a!, b!),
    },
    { name: 'LogicalNot', inputs: [booleans(4, 5)], differentiated: 0, run: ([a]) => tf.logicalNot(a!) },
    {
      name: 'MatMulAdd',
      inputs: [normal(3, 40), normal(5, 40), normal(5), normal(3, 5)],
      differentiated: 4,
      run: ([x, w, b, rest]) => tf.add(rest!, linear(x!, w!, b)),
    },
    unary('Max', (x) => tf.max(x, 1)),
    binary('Maximum', tf.maximum),
    unary('Mean', (x) => tf.mean(x, 0)),
    unary('Min', (x) => tf.min(x, 0, true)),
    binary('Minimum', tf.minimum),
    binary('Multiply', tf.mul),
    unary('Neg', tf.neg),
    comparison('NotEqual', tf.notEqual),
    { name: 'OneHot', inputs: [integers(4, 3, 2)], differentiated: 0, run: ([i]) => tf.oneHot(i!, 4) },
    {
      name: 'OnesLike',
      inputs: [normal(2, 3)],
      differentiated: 1,
      run: ([x]) => tf.concat([x!, tf.onesLike(x!)]),
    },
    {
      name: 'Pack',
      inputs: [normal(2, 3), normal(2, 3)],
      differentiated: 2,
      run: ([a, b]) => tf.stack([a!, b!], 1),
    },
    unary('PadV2', (x) =>
      tf.pad(
        x,
        [
          [1, 0],
          [2, 3],
        ],
        0.5,
      ),
    ),
    {
      name: 'PickColumn',
      inputs: [normal(4, 5), integers(5, 4)],
      differentiated: 0,
      run: ([x, column]) => pickColumn(x!, column!),
    },
    {
      name: 'RandomBits',
      inputs: [key],
      differentiated: 0,
      run: ([keys]) => randomBits(tf.reshape(tf.slice(keys!, [1, 0], [1, 2]), [2]), [7, 11]),
    },
    binary('RealDiv', tf.div),
    unary('Reciprocal', tf.reciprocal, positive(3, 5)),
    unary('Reshape', (x) => tf.expandDims(tf.reshape(x, [5, 3]), 1)),
    normCase('RmsNorm'),
    normCase('RmsNormGradient'),
    {
      name: 'Rotary',
      inputs: [normal(6, 24), ...angles(6, 4)],
      differentiated: 1,
      run: ([x, cos, sin]) => rotary(x!, cos!, sin!, 3),
    },
    unary('Relu', tf.relu),
    unary('Rsqrt', tf.rsqrt, positive(3, 5)),
    {
      name: 'Select',
      inputs: [normal(4, 5), normal(5), booleans(4, 5)],
      differentiated: 2,
      run: ([t, e, condition]) => tf.where(condition!, t!, e!),
    },
    unary('Sigmoid', tf.sigmoid),
    unary('Sin', tf.sin, manyAngles()),
    unary('Slice', (x) => tf.slice(x, [1, 2], [2, 2])),
    unary('Softmax', (x) => tf.softmax(x)),
    unary('SplitV', (x) => tf.split(x, [1, 2, 2], 1)[1]!),
    unary('Sqrt', tf.sqrt, positive(3, 5)),
    unary('Square', tf.square),
    binary('Sub', tf.sub),
    unary('Sum', (x) => tf.sum(x, 1, true)),
    { ...unary('Floor', tf.floor), differentiated: 0 },
    unary('Gelu', (x) => gelu(x, 'erf')),
    unary('GeluGradient', (x) => gelu(x, 'tanh')),
    swiGluCase('SwiGlu'),
    swiGluCase('SwiGluGradient'),
    unary('Tanh', tf.tanh),
    unary('Tile', (x) => tf.tile(x, [2, 3])),
    unary('Transpose', (x) => tf.transpose(tf.reshape(x, [3, 5, 1]), [2, 0, 1])),
    {
      name: 'ZerosLike',
      inputs: [normal(2, 3)],
      differentiated: 1,
      run: ([x]) => tf.concat([x!, tf.zerosLike(x!)]),
    },
  ];
}

/** Operations made of several kernels. */
export function operationCases(): KernelCase[] {
  startStreams(1000);
  return [
    ...convolutionVariants(),
    {
      name: 'loop that stops early',
      inputs: [normal(3, 2), ints([2], [])],
      differentiated: 0,
      run: ([x, rounds]) => {
        const { carried, stacked } = loop(rounds!, 3, [tf.scalar(1)], (i, [total]) => {
          const row = tf.gather(x!, i);
          return { carried: [tf.add(total!, tf.sum(row))], stacked: [tf.mul(row, 2)] };
        });
        return [...carried, ...stacked];
      },
    },
    {
      name: 'gate that is shut',
      inputs: [normal(3, 5), normal(3, 5), { shape: [], dtype: 'float32', values: Float32Array.of(0) }],
      differentiated: 1,
      run: ([y, x, gate]) => tf.add(y!, gated(tf.div(x!, gate!), gate!)),
    },
    {
      name: 'loss head',
      inputs: headInputs(),
      differentiated: 1,
      run: ([hidden, weight, targets, weights, chunks]) =>
        lossHead({
          hidden: hidden!,
          head: { weight: weight! },
          targets: targets!,
          weights: weights!,
          chunks: chunks!,
          chunkSize: 2,
        }),
    },
    {
      name: 'loss head with a bias and a soft cap',
      inputs: [...headInputs(), normal(11)],
      differentiated: 1,
      run: ([hidden, weight, targets, weights, chunks, bias]) =>
        lossHead({
          hidden: hidden!,
          head: { weight: weight!, bias: bias!, softcap: 1.5 },
          targets: targets!,
          weights: weights!,
          chunks: chunks!,
          chunkSize: 2,
        }),
    },
    {
      name: 'log-probabilities of sequences',
      inputs: [...headInputs().filter((_, i) => i !== 3), ints([1, 0, 2, 2])],
      differentiated: 1,
      run: ([hidden, weight, targets, chunks, sequences]) =>
        sequenceLogProbs({
          hidden: hidden!,
          head: { weight: weight! },
          targets: targets!,
          sequences: sequences!,
          count: 2,
          chunks: chunks!,
          chunkSize: 2,
        }),
    },
    {
      name: 'log-probabilities of sequences with a bias and a soft cap',
      inputs: [...headInputs().filter((_, i) => i !== 3), ints([1, 1, 2, 2]), normal(11)],
      differentiated: 1,
      run: ([hidden, weight, targets, chunks, sequences, bias]) =>
        sequenceLogProbs({
          hidden: hidden!,
          head: { weight: weight!, bias: bias!, softcap: 1.5 },
          targets: targets!,
          sequences: sequences!,
          count: 2,
          chunks: chunks!,
          chunkSize: 2,
        }),
    },
    {
      name: 'measures of preferences',
      inputs: [normal(6), normal(6), positive(3)],
      differentiated: 1,
      run: ([logps, reference, weights]) => preferenceMeasures(logps!, reference!, weights!, 0.3),
    },
    attentionCase('attention with a soft cap', 6, 1.5),
    {
      ...attentionCase('attention whose gradients of scores sum to nothing', 70),
      run: ([q, k, v, mask]) => attention(q!, k!, v!, mask!, { scale: 0.5, exactSums: true }),
    },
    {
      ...attentionCase('attention in both directions', 70),
      inputs: [
        normal(2, 2, 70, 3, 4),
        normal(2, 2, 70, 4),
        normal(2, 2, 70, 4),
        packedMask(70, 'both directions'),
      ],
      run: ([q, k, v, mask]) => attention(q!, k!, v!, mask!, { scale: 0.5, bidirectional: true }),
    },
    {
      name: 'the largest of each window of an image',
      inputs: [normal(2, 3, 7, 8)],
      differentiated: 1,
      run: ([x]) => maxPool2d(x!, { size: 3, stride: 2, padding: 1 }),
    },
    {
      name: 'cross entropy of whole logits',
      inputs: [normal(4, 11), ints([3, 10, 0, 0]), positive(4)],
      differentiated: 1,
      run: ([logits, targets, weights]) => crossEntropy(logits!, targets!, weights!),
    },
    {
      name: 'embedding with repeated rows',
      inputs: [normal(7, 3), ints([1, 4, 1, 1, 6])],
      differentiated: 1,
      run: ([table, ids]) => embedding(table!, ids!),
    },
    {
      name: 'selection of rows',
      inputs: [normal(4, 3), ints([2, 0, 0]), ints([1, 2, 0, 2])],
      differentiated: 0,
      run: ([x, picked, slots]) => gatherRows(x!, picked!, slots!),
    },
    {
      name: 'dropout',
      inputs: [normal(5, 7), key],
      differentiated: 1,
      run: ([x, keys]) => dropout(x!, 0.3, keys!, 1),
    },
  ];
}
