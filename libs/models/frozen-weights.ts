import type { Shape } from '#base/shapes.js';
import type { ByteRange, WeightSource, WeightSpec } from '#jit/graph.js';
import type { StoredParameter } from '#models/model-folder.js';
import { readTensorBytes } from '#models/safetensors.js';
import { weightScheme } from '#runtime/weight-schemes/registry.js';

/** The frozen weights of a model as step functions ask for them. */
export function frozenWeights(
  parameters: ReadonlyMap<string, StoredParameter>,
): Readonly<Record<string, WeightSpec>> {
  return Object.fromEntries(
    [...parameters.values()].map((parameter) => {
      const { name, shape, storedAs: _storedAs, ...source } = parameter;
      return [name, { shape, source }];
    }),
  );
}

const readRange = ({ file, offset, byteLength }: ByteRange) =>
  readTensorBytes({ path: file }, { dtype: 'U8', shape: [byteLength], offset, byteLength });

/** The numbers of a frozen weight as float32. Throws SafetensorsError if the file has become shorter. */
export function readFrozenWeight(source: WeightSource, shape: Shape): Promise<Float32Array> {
  return weightScheme(source).read({ shape, source }, readRange);
}

/** Rows of a stored parameter, each as long as its other axes together, as float32. */
export function readRows(parameter: StoredParameter, first: number, count: number): Promise<Float32Array> {
  const { shape } = parameter;
  const rows = weightScheme(parameter).rows({ shape, source: parameter }, first, count);
  return readFrozenWeight(rows, [count, ...shape.slice(1)]);
}

/** All numbers of a stored parameter as float32. */
export function readParameter(parameter: StoredParameter): Promise<Float32Array> {
  return readFrozenWeight(parameter, parameter.shape);
}
