/** The convolutional layer of github.com/cloneofsimo/lora (`LoraInjectedConv2d`). */
import { LowrankError } from '#base/errors.js';
import type { ConvAttributes, Pair } from '#jit/ops/conv-geometry.js';
import type { Tensor } from '#jit/ops.js';
import { checkRank, type InjectedOptions, LowRankBranch } from '#lora/low-rank-branch.js';
import type { DeltaGeometry } from '#lora/merge-injected.js';
import { Conv2d, ImageMap } from '#nn/conv2d.js';
import type { Parameter } from '#nn/module.js';

export interface InjectedConv2dOptions extends InjectedOptions {
  /**
   * Groups of the up convolution: 1 as in cloneofsimo's layer, where the update may mix the groups of the base; the
   * base's number as in PEFT's, where it never does and so always merges.
   */
  readonly upGroups?: number;
}

/**
 * y = base(x) + scale * dropout(up(selector(down(x)))) for images x [N, in, H, W]; down [r, in / groups, kh, kw] goes
 * through the window of the base with its groups, up [out, r / upGroups, 1, 1] sees one place at a time.
 *
 * Throws `rank_too_large` for r > min(in, out), `rank_not_divisible` for an r that the groups cannot share.
 */
export class LoraInjectedConv2d extends ImageMap {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Pair;
  readonly window: ConvAttributes;
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly branch: LowRankBranch;
  private readonly upGroups: number;

  constructor(
    readonly base: ImageMap,
    options: InjectedConv2dOptions,
  ) {
    super(base.path);
    const { path, inChannels, outChannels, kernelSize, window } = base;
    const { r, upGroups = 1 } = options;
    const { strides, pads, dilations, groups } = window;
    checkRank(path, r, inChannels, outChannels);
    for (const number of [groups, upGroups]) {
      if (r % number === 0) continue;
      throw new LowrankError(
        'rank_not_divisible',
        `the rank ${r} cannot be cut into the ${number} groups of the convolution at ${path}: use a multiple of ${number}`,
        { details: { module: path, r, groups: number } },
      );
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = kernelSize;
    this.window = window;
    this.upGroups = upGroups;
    const down = new Conv2d(this.join('lora_down'), inChannels, r, {
      kernelSize,
      stride: strides,
      padding: [pads[0], pads[1]],
      dilation: dilations,
      groups,
      bias: false,
    });
    const up = new Conv2d(this.join('lora_up'), r, outChannels, {
      kernelSize: 1,
      groups: upGroups,
      bias: false,
    });
    this.weight = base.weight;
    this.bias = base.bias;
    // The base keeps its own path, so its weight keeps its name.
    this.child('base', () => base);
    this.branch = this.child('branch', () => new LowRankBranch(path, options, down, up)).module;
  }

  /** The sizes that its update has as a weight. */
  get geometry(): DeltaGeometry {
    const { path, inChannels, outChannels, branch, kernelSize, window, upGroups } = this;
    return {
      path,
      inSize: inChannels,
      outSize: outChannels,
      r: branch.r,
      kernel: kernelSize,
      groups: window.groups,
      upGroups,
    };
  }

  forward(x: Tensor): Tensor {
    return this.branch.addTo(this.base.forward(x), x);
  }
}
