/** A base model with its matrices in blocks of codes, which depend on nothing but the model. */
import type { ModelFolder, StoredParameter } from '#models/model-folder.js';
import {
  openQuantisedBase,
  type QuantisedBase,
  type QuantisedBaseOptions,
  readFiniteRows,
  type RoundedParameter,
} from '#models/quantised-base.js';
import { RowMap } from '#nn/module.js';
import { TokenTable } from '#nn/layers.js';
import { blockRanges, blockSchemes, type BlockUse } from '#runtime/weight-schemes/blocks.js';
import {
  type BlockCodes,
  blockCodesOf,
  type CodeBits,
  fillsBlocks,
  rangeBytes,
} from '#runtime/weight-schemes/block-codes.js';

/** Weights that are rounded at a time. */
const pieceNumbers = 1 << 21;

/** Name of the folder of a cache that they are kept in, for training and for answers. */
export const blockCache = 'blocks';

/** Changes when the same matrices come to other bytes. */
const version = 1;

export interface BlockBase extends QuantisedBase {
  /** Matrices that stay as they are stored, since their rows are no whole blocks. */
  readonly left: readonly string[];
}

/** The bits of each matrix that is stored in blocks, and the matrices that are not, since their rows are no whole ones. */
export function chooseBits(
  { tree, parameters }: Pick<ModelFolder, 'tree' | 'parameters'>,
  layerBits: CodeBits,
): { readonly bits: ReadonlyMap<string, CodeBits>; readonly left: readonly string[] } {
  const bits = new Map<string, CodeBits>();
  const left: string[] = [];
  const heads = new Set(tree.headLayers);
  for (const module of tree.modules()) {
    if (!(module instanceof RowMap || module instanceof TokenTable)) continue;
    const parameter = parameters.get(module.weight.name);
    if (!parameter || bits.has(parameter.name)) continue;
    // Tables and heads touch every token, and are few.
    const wanted = module instanceof RowMap && !heads.has(module) ? layerBits : 8;
    const columns = parameter.shape.at(-1)!;
    const chosen = ([wanted, 8] as const).find((width) => fillsBlocks(columns, width));
    if (chosen) bits.set(parameter.name, chosen);
    else left.push(parameter.name);
  }
  return { bits, left };
}

/** Linear layers in blocks of 4 or 8 bits, tables and heads in blocks of 8. See `openQuantisedBase`. */
export async function openBlockBase(
  base: ModelFolder,
  layerBits: CodeBits,
  { use = 'training', ...options }: QuantisedBaseOptions & { readonly use?: BlockUse },
): Promise<BlockBase> {
  const { bits, left } = chooseBits(base, layerBits);
  const opened = await openQuantisedBase(
    base,
    {
      name: `int${layerBits}`,
      describe: (hash) => void hash.update(`blocks ${version} ${layerBits}\n`),
      round: (parameter) => {
        const width = bits.get(parameter.name);
        return width && inBlocks(parameter, width, use);
      },
    },
    options,
  );
  return { ...opened, left };
}

/** One tensor for a matrix, its ranges one after another, since they are made together. */
function inBlocks(parameter: StoredParameter, bits: CodeBits, use: BlockUse): RoundedParameter {
  const { name, shape } = parameter;
  const [rows, columns] = shape as [number, number];
  const pieceRows = Math.max(1, Math.floor(pieceNumbers / columns));
  const lengths = rangeBytes(shape, bits);
  const used = lengths.codes + lengths.scales + lengths.zeros;
  const words = Math.ceil(used / 4);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const small: Omit<BlockCodes, 'codes'>[] = [];
    for (let first = 0; first < rows; first += pieceRows) {
      const numbers = await readFiniteRows(parameter, first, Math.min(pieceRows, rows - first));
      const { codes, ...rest } = blockCodesOf(numbers, bits);
      small.push(rest);
      yield codes;
    }
    for (const { scales } of small) yield new Uint8Array(scales.buffer);
    for (const { zeros } of small) yield zeros;
    yield new Uint8Array(4 * words - used);
  }
  const tensorName = `${name}.blocks`;
  return {
    tensors: new Map([[tensorName, { dtype: 'U32', shape: [words], chunks }]]),
    keepsOriginal: false,
    source(rangeOf) {
      const { file, offset } = rangeOf(tensorName);
      let at = offset;
      const ranges = blockRanges.map((range) => {
        const byteLength = lengths[range];
        at += byteLength;
        return [range, { file, offset: at - byteLength, byteLength }] as const;
      });
      return { scheme: blockSchemes[use][bits].name, ranges: Object.fromEntries(ranges) };
    },
  };
}
