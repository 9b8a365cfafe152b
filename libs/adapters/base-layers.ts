/** The base model's weights at the layers that adapters change, read in blocks of rows. */
import { sizeOf } from '#base/shapes.js';
import { addDeltaRows, transposedTerm } from '#lora/merge-delta.js';
import { layerKind } from '#lora/layer-kinds/registry.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';
import type { AdapterStart } from '#lora/variants/variant.js';
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import { readParameter, readRows } from '#models/frozen-weights.js';

export type BaseModel = Pick<ModelFolder, 'tree' | 'parameters'>;

/** How the weight of a layer lies in the model's files. */
export interface BaseWeight {
  readonly parameter: StoredParameter;
  /** Whether the numbers of an output are a column of it, not a row. */
  readonly isTransposed: boolean;
}

/** The weight that a low-rank update of a layer is added to. */
export function baseWeight({ tree, parameters }: BaseModel, target: TargetModule): BaseWeight {
  const { module } = tree.slotOf(target.path);
  return {
    parameter: parameters.get(`${target.path}.weight`)!,
    isTransposed: layerKind(target).isTransposed(module),
  };
}

/** A megabyte of float32. */
const blockNumbers = 1 << 18;

/** |W + scale B A| for each output of a layer, in blocks: the weight is never in memory as a whole. */
export async function adaptedNorms(
  base: BaseModel,
  target: TargetModule,
  factors: LoraFactors,
): Promise<Float64Array> {
  const { parameter, isTransposed } = baseWeight(base, target);
  const rows = parameter.shape[0]!;
  const columns = sizeOf(parameter.shape.slice(1));
  const own = { ...factors, r: target.r, scale: target.scale };
  const term = isTransposed ? transposedTerm(own) : own;
  const squares = new Float64Array(isTransposed ? columns : rows);
  const count = Math.max(1, Math.floor(blockNumbers / columns));
  for (let first = 0; first < rows; first += count) {
    const block = await readRows(parameter, first, Math.min(count, rows - first));
    addDeltaRows(block, first, [term], columns);
    for (const [at, value] of block.entries()) {
      const output = isTransposed ? at % columns : first + Math.floor(at / columns);
      squares[output] = squares[output]! + value * value;
    }
  }
  return squares.map(Math.sqrt);
}

/** A weight by its name, or the one that stands in its place in the files where two layers share it. */
function storedWeight({ tree, parameters }: BaseModel, name: string): StoredParameter | undefined {
  const { tiedWeight } = tree;
  return parameters.get(name === tiedWeight?.otherName ? tiedWeight.parameter.name : name);
}

/** What a new adapter of a base model may read of it. */
export function startOn(
  base: BaseModel,
): Pick<AdapterStart, 'readWeight' | 'isUntrained' | 'norms' | 'isTransposed'> {
  return {
    isUntrained: (name) => storedWeight(base, name) === undefined,
    readWeight: (name) => readParameter(storedWeight(base, name)!),
    norms: (target, factors) => adaptedNorms(base, target, factors),
    isTransposed: (target) => baseWeight(base, target).isTransposed,
  };
}
