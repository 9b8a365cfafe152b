/** Logits of the classes of texts and images, compiled. */
import type { Program, ProgramSpec } from '#jit/trace.js';
import { textClassifier } from '#models/abilities.js';
import type { TextClassifier } from '#models/classifier.js';
import { buildModel } from '#models/families/registry.js';
import { frozenWeights } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { classLogits as logitsOfClasses } from '#models/class-logits.js';
import type { GoldenTensor } from './golden-case.js';

/** A batch of a reference as the step functions of classifiers take it: by name, with the shapes of its tensors. */
export interface ClassBatch {
  readonly data: Readonly<Record<string, Int32Array | Float32Array>>;
  readonly spec: ProgramSpec['data'];
}

/** One text a row; what the mask hides is a segment of its own. */
export function textBatch(
  model: Pick<TextClassifier, 'pools'>,
  golden: ReadonlyMap<string, GoldenTensor>,
  prefix = '',
): ClassBatch {
  const ids = golden.get(`${prefix}input_ids`)!;
  const [texts, length] = ids.shape as [number, number];
  const rows = texts * length;
  const mask = golden.get(`${prefix}attention_mask`)?.values ?? new Int32Array(rows).fill(1);
  const types = golden.get(`${prefix}token_type_ids`)?.values ?? new Int32Array(rows);
  const seen = Array.from({ length: texts }, (_, text) =>
    Array.from({ length }, (_, i) => text * length + i).filter((row) => Number(mask[row]) === 1),
  );
  const positions = new Int32Array(rows);
  for (const text of seen) text.forEach((row, i) => (positions[row] = i));
  const data = {
    tokens: Int32Array.from(ids.values),
    positions,
    segments: Int32Array.from(mask),
    tokenTypes: Int32Array.from(types),
    pooledRows: Int32Array.from(seen, (text) => text.at(model.pools === 'first' ? 0 : -1)!),
  };
  const flat = { shape: [rows], dtype: 'int32' as const };
  return {
    data,
    spec: {
      tokens: flat,
      positions: flat,
      segments: { shape: [texts, length], dtype: 'int32' },
      tokenTypes: flat,
      pooledRows: { shape: [texts], dtype: 'int32' },
    },
  };
}

/** A batch of images. */
export function imageBatch(golden: ReadonlyMap<string, GoldenTensor>, prefix = ''): ClassBatch {
  const { shape, values } = golden.get(`${prefix}pixel_values`)!;
  return {
    data: { pixels: Float32Array.from(values) },
    spec: { pixels: { shape, dtype: 'float32' } },
  };
}

/** Logits [inputs, classes] of the base model for the inputs of a case. */
export async function classLogits(
  model: ModelFolder,
  golden: ReadonlyMap<string, GoldenTensor>,
): Promise<Float32Array> {
  const tree = buildModel(model.config);
  const { data, spec } =
    tree.inputs === 'images' ? imageBatch(golden) : textBatch(textClassifier(tree), golden);
  const program: Program = ({ data, weights }) => {
    tree.bindParameters(({ name }) => weights[name]!);
    const logits = logitsOfClasses(tree, data);
    return { outputs: { logits }, state: {} };
  };
  const whole = { data: spec, scalars: [], state: {}, weights: frozenWeights(model.parameters) };
  const compile = () => compileProgram(program, whole, { device: 'cpu', recomputedSegments: 0 });
  const options = { device: 'cpu', threads: 2, spin: false, cacheFolder: undefined } as const;
  const runner = new CompiledRunner({ logits: { key: 'logits', compile } }, {}, options);
  const { logits } = await runner.run('logits', { data });
  await runner.close();
  return logits as Float32Array;
}
