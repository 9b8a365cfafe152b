/** A base model with its matrices in int8, for both products of a training step. */
import { createHash } from 'node:crypto';
import type { ByteRange } from '#jit/graph.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import {
  openQuantisedBase,
  type QuantisedBase,
  type QuantisedBaseOptions,
  readFiniteRows,
  type RoundedParameter,
} from '#models/quantised-base.js';
import { floatSource, type TensorSource } from '#models/safetensors-write.js';
import { int8Ranges } from '#runtime/weight-schemes/int8.js';
import { codesOf, type MatrixSide, outerScales } from '#runtime/weight-schemes/int8-codes.js';

/** How one matrix of a model is rounded. */
export interface Int8Weight {
  /** Whether its layer multiplies activations by the transposed matrix, as linear layers do. */
  readonly transposed: boolean;
  /** By what the activations of its layer are divided, one factor for each of their columns. */
  readonly smoothing: Float32Array;
  /** Whether gradients are multiplied by a copy of their own. */
  readonly backward: boolean;
  /** Whether the original is needed beside the copies. */
  readonly original: boolean;
}

/** The matrices that are rounded, by name; all others stay as they are stored. */
export type Int8Weights = ReadonlyMap<string, Int8Weight>;

/** See `openQuantisedBase`. */
export function openInt8Base(
  base: ModelFolder,
  weights: Int8Weights,
  options: QuantisedBaseOptions,
): Promise<QuantisedBase> {
  const rounding = {
    name: 'int8',
    describe: (hash: ReturnType<typeof createHash>) => {
      for (const [name, { smoothing, ...rest }] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const { transposed, backward, original } = rest;
        hash.update(`${name} ${transposed} ${backward} ${original}\n`).update(bytesOf(smoothing));
      }
    },
    round: (parameter: StoredParameter) => {
      const weight = weights.get(parameter.name);
      return weight && roundedTo(parameter, weight);
    },
  };
  return openQuantisedBase(base, rounding, options);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The copies of a matrix: of its layer's product, and of the gradient's. */
function copiesOf({ shape }: StoredParameter, weight: Int8Weight) {
  const side = (transposed: boolean): MatrixSide => ({ shape: shape as [number, number], transposed });
  return [
    { side: side(weight.transposed), smoothing: weight.smoothing },
    ...(weight.backward ? [{ side: side(!weight.transposed), smoothing: undefined }] : []),
  ];
}

/** A name for equal smoothing factors, so that they are stored once and products of one input share its codes. */
function smoothingName({ smoothing }: Int8Weight): string {
  return `smoothing.${createHash('sha256').update(bytesOf(smoothing)).digest('hex').slice(0, 16)}`;
}

function roundedTo(parameter: StoredParameter, weight: Int8Weight): RoundedParameter {
  const { name } = parameter;
  const numbers = () => readFiniteRows(parameter, 0, parameter.shape[0]!);
  const tensors = new Map<string, TensorSource>();
  // What activations are multiplied by.
  const factors = weight.smoothing.map((factor) => 1 / factor);
  tensors.set(smoothingName(weight), floatSource({ data: factors, shape: [factors.length] }));
  for (const { side, smoothing } of copiesOf(parameter, weight)) {
    const names = int8Ranges(side.transposed);
    const shape = side.transposed ? side.shape.toReversed() : side.shape;
    const scales = async () => outerScales(await numbers(), side, smoothing);
    let made: Promise<Float32Array> | undefined;
    tensors.set(`${name}.${names.scales}`, {
      dtype: 'F32',
      shape: [shape[1]],
      async *chunks() {
        yield bytesOf(await (made ??= scales()));
      },
    });
    tensors.set(`${name}.${names.codes}`, {
      dtype: 'I8',
      shape,
      async *chunks() {
        yield bytesOf(codesOf(await numbers(), side, await (made ??= scales()), smoothing));
      },
    });
  }
  return {
    tensors,
    keepsOriginal: weight.original,
    source(rangeOf, original) {
      const ranges = copiesOf(parameter, weight).flatMap(({ side, smoothing }): [string, ByteRange][] => {
        const names = int8Ranges(side.transposed);
        return [
          [names.codes, rangeOf(`${name}.${names.codes}`)],
          [names.scales, rangeOf(`${name}.${names.scales}`)],
          ...(smoothing ? [[names.smoothing, rangeOf(smoothingName(weight))] as [string, ByteRange]] : []),
        ];
      });
      return { scheme: 'int8', ranges: Object.fromEntries(ranges), ...(original ? { original } : {}) };
    },
  };
}
