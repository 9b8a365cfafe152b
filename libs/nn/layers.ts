/** The layers that decoders are made of. */
import { embedding, linear } from '#jit/ops/linear.js';
import { rmsNorm } from '#jit/ops/rms-norm.js';
import { add, matMul, mean, scalar, sub, type Tensor } from '#jit/ops.js';
import { Module, type Parameter, RowMap } from '#nn/module.js';

/** y = x W^T + b, W stored as [out, in]. */
export class Linear extends RowMap {
  override readonly kind = 'a linear layer';
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  /** With `tied` the weight is that of another module, and none of its own. */
  constructor(
    path: string,
    readonly inFeatures: number,
    readonly outFeatures: number,
    bias: boolean,
    tied?: Parameter,
  ) {
    super(path);
    this.weight = tied ? this.shared('weight', tied) : this.parameter('weight', [outFeatures, inFeatures]);
    this.bias = bias ? this.parameter('bias', [outFeatures]) : undefined;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight.tensor, this.bias?.tensor);
  }
}

/** y = x W + b, W stored as [in, out]: the `Conv1D` of GPT-2. */
export class TransposedLinear extends RowMap {
  override readonly kind = 'a linear layer';
  override readonly isTransposed = true;
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    path: string,
    readonly inFeatures: number,
    readonly outFeatures: number,
  ) {
    super(path);
    this.weight = this.parameter('weight', [inFeatures, outFeatures]);
    this.bias = this.parameter('bias', [outFeatures]);
  }

  forward(x: Tensor): Tensor {
    return add(matMul(x, this.weight.tensor), this.bias.tensor);
  }
}

/** A layer that looks rows of a table up. */
export abstract class TokenTable extends Module {
  abstract readonly entries: number;
  abstract readonly size: number;
  abstract readonly weight: Parameter;
  /** int32 [rows] to [rows, size]. */
  abstract forward(ids: Tensor): Tensor;
}

/** Rows of a table by their numbers. */
export class Embedding extends TokenTable {
  override readonly kind = 'an embedding';
  readonly weight: Parameter;

  constructor(
    path: string,
    readonly entries: number,
    readonly size: number,
  ) {
    super(path);
    this.weight = this.parameter('weight', [entries, size]);
  }

  forward(ids: Tensor): Tensor {
    return embedding(this.weight.tensor, ids);
  }
}

/** A layer that brings rows [rows, size] to one scale. */
export abstract class Norm extends Module {
  override readonly kind = 'a norm';

  constructor(
    path: string,
    readonly size: number,
  ) {
    super(path);
  }

  abstract forward(x: Tensor): Tensor;
}

/** x / rms(x) * weight over the last axis. */
export class RmsNorm extends Norm {
  readonly weight: Parameter;

  constructor(
    path: string,
    size: number,
    private readonly epsilon: number,
  ) {
    super(path, size);
    this.weight = this.parameter('weight', [size]);
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight.tensor, this.epsilon);
  }
}

/** x / rms(x) * (1 + weight) over the last axis, as Gemma stores its norms. */
export class OffsetRmsNorm extends Norm {
  readonly weight: Parameter;

  constructor(
    path: string,
    size: number,
    private readonly epsilon: number,
  ) {
    super(path, size);
    this.weight = this.parameter('weight', [size]);
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, add(this.weight.tensor, scalar(1)), this.epsilon);
  }
}

/** (x - mean(x)) / deviation(x) * weight + bias over the last axis. */
export class LayerNorm extends Norm {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    path: string,
    size: number,
    private readonly epsilon: number,
  ) {
    super(path, size);
    this.weight = this.parameter('weight', [size]);
    this.bias = this.parameter('bias', [size]);
  }

  forward(x: Tensor): Tensor {
    const centred = sub(x, mean(x, -1, true));
    return add(rmsNorm(centred, this.weight.tensor, this.epsilon), this.bias.tensor);
  }
}
