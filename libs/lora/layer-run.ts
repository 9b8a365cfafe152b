/** What the layers of an adapted model read while a step is made. */
import { dropout } from '#jit/ops/random-bits.js';
import type { Tensor } from '#jit/ops.js';

/** Where the layers of a model find their dropout streams: int32 [sites, 2], or none when nothing is dropped. */
export interface DropoutStreams {
  keys: Tensor | undefined;
}

/** Whether the layers of a model add their updates while a step is made; off, they give what their base gives. */
export interface AdapterSwitch {
  on: boolean;
}

/** With 'diagonal' a vector of r numbers, given with every run, stands between the factors; 'identity' is none. */
export type Selector = 'identity' | 'diagonal';

export interface LayerRun {
  /** Share of the inputs of A that are set to zero while training. */
  readonly dropout: number;
  /** Row of the dropout streams that belongs to this layer. */
  readonly site: number;
  readonly streams: DropoutStreams;
  /** Shared by the layers of a model; always on unless given. */
  readonly adapter?: AdapterSwitch;
  /** Default 'identity'. */
  readonly selector?: Selector;
  /**
   * The target's own is the default. From 'input' it is a number given with every run instead, and with 0 the layer gives
   * its base's bits.
   */
  readonly scaleFrom?: 'target' | 'input';
}

/** x with a share of it set to zero while the layer trains; x itself where nothing is dropped. */
export function dropped(x: Tensor, { dropout: rate, site, streams }: LayerRun): Tensor {
  return streams.keys && rate > 0 ? dropout(x, rate, streams.keys, site) : x;
}

export const isOff = ({ adapter }: LayerRun): boolean => adapter?.on === false;
