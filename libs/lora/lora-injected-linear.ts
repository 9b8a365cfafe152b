/** The linear layer of github.com/cloneofsimo/lora (`LoraInjectedLinear`). */
import type { Tensor } from '#jit/ops.js';
import { checkRank, type InjectedOptions, LowRankBranch } from '#lora/low-rank-branch.js';
import type { DeltaGeometry } from '#lora/merge-injected.js';
import { Linear } from '#nn/layers.js';
import { type Parameter, RowMap } from '#nn/module.js';

/**
 * y = base(x) + scale * dropout(up(selector(down(x)))) for rows x [rows, in]; down is [r, in], up is [out, r].
 *
 * Throws `rank_too_large` for r > min(in, out).
 */
export class LoraInjectedLinear extends RowMap {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly branch: LowRankBranch;

  constructor(
    readonly base: RowMap,
    options: InjectedOptions,
  ) {
    super(base.path);
    const { path, inFeatures, outFeatures } = base;
    const { r } = options;
    checkRank(path, r, inFeatures, outFeatures);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const down = new Linear(this.join('lora_down'), inFeatures, r, false);
    const up = new Linear(this.join('lora_up'), r, outFeatures, false);
    this.weight = base.weight;
    this.bias = base.bias;
    // The base keeps its own path, so its weight keeps its name.
    this.child('base', () => base);
    this.branch = this.child('branch', () => new LowRankBranch(path, options, down, up)).module;
  }

  /** The sizes that its update has as a weight. */
  get geometry(): DeltaGeometry {
    const { path, inFeatures, outFeatures, branch } = this;
    return {
      path,
      inSize: inFeatures,
      outSize: outFeatures,
      r: branch.r,
      kernel: [1, 1],
      groups: 1,
      upGroups: 1,
    };
  }

  forward(x: Tensor): Tensor {
    return this.branch.addTo(this.base.forward(x), x);
  }
}
