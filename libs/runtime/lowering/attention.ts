/**
 * Attention in tiles of queries, so that no more than one tile of scores exists at a time. Where it is causal a tile
 * sees the keys up to its own end only: the half of the scores that the mask hides is mostly never computed.
 */
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import { batchedProduct } from '#runtime/lowering/products.js';
import type { Lowering } from '#runtime/lowering/rule.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** Scores of one tile should stay in a processor's last-level cache. */
const tileBytes = 20 * 1024 * 1024;
const smallestTile = 64;

/** Up to this length the probabilities of a layer take less memory than what else it keeps. */
const longestKept = 256;

/** Queries from `from` to `to`, which see the first `keys` keys. */
interface Tile {
  readonly from: number;
  readonly to: number;
  readonly keys: number;
}

/** Cuts L query positions into tiles whose scores, for every head, take about {@link tileBytes}. */
export function queryTiles(length: number, heads: number, bidirectional = false): Tile[] {
  const rows = Math.floor(tileBytes / (4 * heads * length));
  const size = Math.min(
    Math.max(smallestTile, 2 ** Math.floor(Math.log2(Math.max(1, rows)))),
    // The first half of the keys is all that a causal first half sees.
    bidirectional ? length : Math.ceil(length / 2),
  );
  const tiles: Tile[] = [];
  for (let from = 0; from < length; from += size) {
    const to = Math.min(length, from + size);
    tiles.push({ from, to, keys: bidirectional ? length : to });
  }
  return tiles;
}

interface Operands {
  readonly builder: OnnxBuilder;
  readonly q: OnnxValue;
  readonly k: OnnxValue;
  readonly mask: OnnxValue;
  readonly scale: number;
  readonly softcap: number;
}

interface TileScores {
  /** [B, KV, rows * G, keys] */
  readonly P: OnnxValue;
  /** With a soft cap what tanh made of the scores, else none. */
  readonly capped: OnnxValue | undefined;
}

/** Rows of queries [B, KV, L, G, D] of one tile as [B, KV, rows * G, D]. */
function tileRows(builder: OnnxBuilder, x: OnnxValue, { from, to }: Tile): OnnxValue {
  const [B, KV, L, G, D] = x.shape as [number, number, number, number, number];
  return builder.sliceAxis(builder.reshape(x, [B, KV, L * G, D]), 2, from * G, to * G);
}

/**
 * Softmax of the scaled, masked scores of one tile: [B, KV, rows * G, keys]. In short blocks the backward pass finds
 * the forward pass's, in long ones it makes its own, so that they need not be kept.
 */
function tileProbabilities(operands: Operands, tile: Tile): TileScores {
  const { builder, q, k } = operands;
  if (q.shape[2]! > longestKept) return makeProbabilities(operands, tile);
  return builder.kept(`P ${q.name} ${k.name} ${tile.from}`, () => makeProbabilities(operands, tile));
}

function makeProbabilities({ builder, q, k, mask, scale, softcap }: Operands, tile: Tile): TileScores {
  const [B, KV, , G] = q.shape as [number, number, number, number];
  const rows = tile.to - tile.from;
  const keys = builder.sliceAxis(k, 2, 0, tile.keys);
  const product = batchedProduct(builder, tileRows(builder, q, tile), keys, {
    transposeB: true,
    alpha: softcap === 0 ? scale : scale / softcap,
  });
  const capped = softcap === 0 ? undefined : builder.unary('Tanh', product);
  const scores = capped ? builder.binary('Mul', capped, builder.float(softcap)) : product;
  const tileMask = builder.shared(`mask ${mask.name} ${tile.from} ${tile.to}`, () => {
    const part = builder.sliceAxis(builder.sliceAxis(mask, 1, tile.from, tile.to), 2, 0, tile.keys);
    return builder.reshape(part, [B, 1, rows, 1, tile.keys]);
  });
  const masked = builder.binary('Add', builder.reshape(scores, [B, KV, rows, G, tile.keys]), tileMask);
  const P = builder.emit('Softmax', [masked], masked.shape, { axis: -1 });
  return { P: builder.reshape(P, scores.shape), capped };
}

const attention: Lowering = ({ builder, inputs, attributes }) => {
  const [q, k, v, mask] = inputs as [OnnxValue, OnnxValue, OnnxValue, OnnxValue];
  const [B, KV, L, G, D] = q.shape as [number, number, number, number, number];
  const [scale, softcap] = [Number(attributes['scale']), Number(attributes['softcap'])];
  const parts = queryTiles(L, B * KV * G, attributes['bidirectional'] === true).map((tile) => {
    const { P } = tileProbabilities({ builder, q, k, mask, scale, softcap }, tile);
    return batchedProduct(builder, P, builder.sliceAxis(v, 2, 0, tile.keys), {});
  });
  const output =
    parts.length === 1 ? parts[0]! : builder.emit('Concat', parts, [B, KV, L * G, D], { axis: 2 });
  return builder.reshape(output, q.shape);
};

/** Adds the gradient of the first keys to that of more keys. */
function addPrefix(builder: OnnxBuilder, prefix: OnnxValue | undefined, longer: OnnxValue): OnnxValue {
  if (!prefix) return longer;
  if (prefix.shape[2] === longer.shape[2]) return builder.binary('Add', longer, prefix);
  const grow = longer.shape[2]! - prefix.shape[2]!;
  const pads = builder.ints([0, 0, 0, 0, 0, 0, grow, 0]);
  return builder.binary('Add', longer, builder.emit('Pad', [prefix, pads, builder.float(0)], longer.shape));
}

/**
 * P again from q and k; dV = P^T dO; dP = dO V^T; dS = P * (dP - rowsum(dO * O)), with a soft cap times 1 - tanh^2 of the
 * scores; dQ = dS K; dK = dS^T Q. With exact sums rowsum(P * dP) stands for rowsum(dO * O), which is equal but for rounding.
 */
const attentionGradient: Lowering = ({ builder, inputs, attributes }) => {
  const [q, k, v, mask, output, dy] = inputs as [
    OnnxValue,
    OnnxValue,
    OnnxValue,
    OnnxValue,
    OnnxValue,
    OnnxValue,
  ];
  const [B, KV, L, G, D] = q.shape as [number, number, number, number, number];
  const [scale, softcap] = [Number(attributes['scale']), Number(attributes['softcap'])];
  const flat = (x: OnnxValue) => builder.reshape(x, [B, KV, L * G, D]);
  const rowDot =
    attributes['exactSums'] === true
      ? undefined
      : builder.reduceRows('ReduceSum', builder.binary('Mul', flat(dy), flat(output)));
  let dK: OnnxValue | undefined;
  let dV: OnnxValue | undefined;
  const dQ = queryTiles(L, B * KV * G, attributes['bidirectional'] === true).map((tile) => {
    const { P, capped } = tileProbabilities({ builder, q, k, mask, scale, softcap }, tile);
    const dO = tileRows(builder, dy, tile);
    dV = addPrefix(builder, dV, batchedProduct(builder, P, dO, { transposeA: true }));
    const dP = batchedProduct(builder, dO, builder.sliceAxis(v, 2, 0, tile.keys), { transposeB: true });
    const dot = rowDot
      ? builder.sliceAxis(rowDot, 2, tile.from * G, tile.to * G)
      : builder.reduceRows('ReduceSum', builder.binary('Mul', P, dP));
    const dCapped = builder.binary('Mul', builder.binary('Sub', dP, dot), P);
    const fall = capped && builder.binary('Sub', builder.float(1), builder.binary('Mul', capped, capped));
    const dS = fall ? builder.binary('Mul', dCapped, fall) : dCapped;
    dK = addPrefix(
      builder,
      dK,
      batchedProduct(builder, dS, tileRows(builder, q, tile), { transposeA: true, alpha: scale }),
    );
    return batchedProduct(builder, dS, builder.sliceAxis(k, 2, 0, tile.keys), { alpha: scale });
  });
  const joined = dQ.length === 1 ? dQ[0]! : builder.emit('Concat', dQ, [B, KV, L * G, D], { axis: 2 });
  return [builder.reshape(joined, q.shape), dK!, dV!];
};

export const attentionRules = {
  Attention: attention,
  AttentionGradient: attentionGradient,
} satisfies Record<string, Lowering>;
