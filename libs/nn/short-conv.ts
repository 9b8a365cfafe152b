/** A convolution over the last few tokens, channel by channel. */
import {
  add,
  cast,
  concat,
  gather,
  greaterEqual,
  maximum,
  mul,
  reshape,
  scalar,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from '#jit/ops.js';
import type { DecoderPass } from '#nn/decoder-pass.js';
import type { Parameter } from '#nn/module.js';
import { StatefulLayer } from '#nn/stateful-layer.js';

/**
 * y[t] = bias + sum over k of weight[:, k] * x[t - (size - 1) + k], of tokens of t's own example only.
 *
 * While text is generated it carries the last size - 1 rows of x, [size - 1, channels].
 */
export class ShortConv extends StatefulLayer {
  readonly stateShape: readonly number[];
  private readonly weight: Parameter;
  private readonly bias: Parameter | undefined;

  constructor(
    path: string,
    private readonly channels: number,
    private readonly size: number,
    bias: boolean,
  ) {
    super(path);
    this.stateShape = [size - 1, channels];
    this.weight = this.parameter('weight', [channels, 1, size]);
    this.bias = bias ? this.parameter('bias', [channels]) : undefined;
  }

  override prepare(pass: DecoderPass): void {
    for (let back = 1; back < Math.min(this.size, pass.length); back++) pass.sameExample(back);
  }

  /** Rows [rows, channels] to the same. */
  forward(x: Tensor, pass: DecoderPass): Tensor {
    const { path, channels, size } = this;
    // [size, channels]
    const weight = transpose(reshape(this.weight.tensor, [channels, size]), [1, 0]);
    const before = pass.carry?.before(path);
    if (before) {
      const window = concat([before, x], 0);
      pass.carry!.keep(path, slice(window, [1, 0], [size - 1, channels]));
      return this.biased(sum(mul(window, weight), 0, true));
    }
    pass.carry?.keep(path, lastRows(x, pass.carry.lastRow, size - 1));
    const [B, L] = [pass.batch, pass.length];
    const blocks = reshape(x, [B, L, channels]);
    const taps = Array.from({ length: Math.min(size, L) }, (_, back) => {
      const factor = slice(weight, [size - 1 - back, 0], [1, channels]);
      if (back === 0) return mul(blocks, reshape(factor, [1, 1, channels]));
      const earlier = slice(blocks, [0, 0, 0], [B, L - back, channels]);
      const shifted = concat([zeros([B, back, channels]), earlier], 1);
      return mul(mul(shifted, pass.sameExample(back)), reshape(factor, [1, 1, channels]));
    });
    return this.biased(
      reshape(
        taps.reduce((total, tap) => add(total, tap)),
        [B * L, channels],
      ),
    );
  }

  private biased(y: Tensor): Tensor {
    return this.bias ? add(y, this.bias.tensor) : y;
  }
}

/** The rows up to `last` int32 [1], [count, channels]; zeros where there are none. */
function lastRows(x: Tensor, last: Tensor, count: number): Tensor {
  const back = tensor(Int32Array.from({ length: count }, (_, i) => count - 1 - i));
  const index = sub(last, back);
  const isThere = cast(greaterEqual(index, scalar(0, 'int32')), 'float32');
  return mul(gather(x, maximum(index, scalar(0, 'int32'))), reshape(isThere, [count, 1]));
}
