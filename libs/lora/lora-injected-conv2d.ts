/** The convolutional layer of github.com/cloneofsimo/lora (`LoraInjectedConv2d`). */
import { injectedForward, type InjectedOptions, injectedRun, injectedTarget } from '#lora/injected-layer.js';
import { conv2dKind, LoraConv2d } from '#lora/layer-kinds/conv2d.js';
import type { DeltaGeometry } from '#lora/merge-injected.js';
import { checkGroups } from '#lora/rank-limits.js';
import type { ImageMap } from '#nn/conv2d.js';

export interface InjectedConv2dOptions extends InjectedOptions {
  /**
   * Groups of the up convolution: 1 as in cloneofsimo's layer, where the update may mix the groups of the base; the
   * base's number for an update that never does and so always merges.
   */
  readonly upGroups?: number;
}

/**
 * y = base(x) + scale * dropout(up(selector(down(x)))) for images x [N, in, H, W]; down [r, in / groups, kh, kw] goes
 * through the window of the base with its groups, up [out, r / upGroups, 1, 1] sees one place at a time.
 *
 * Throws `rank_too_large` for r > min(in, out), `rank_not_divisible` for an r that the groups cannot share.
 */
export class LoraInjectedConv2d extends LoraConv2d {
  private readonly upGroups: number;

  constructor(base: ImageMap, options: InjectedConv2dOptions) {
    const { path, inChannels, outChannels, kernelSize, window } = base;
    const { r, upGroups = 1 } = options;
    const shapes = {
      A: [r, inChannels / window.groups, ...kernelSize],
      B: [outChannels, r / upGroups, 1, 1],
    };
    const target = injectedTarget(path, conv2dKind.geometryOf(base)!, options, shapes);
    for (const groups of [window.groups, upGroups]) checkGroups(target, groups);
    super(base, target, injectedRun(options), injectedForward(options));
    this.upGroups = upGroups;
  }

  /** The sizes that its update has as a weight. */
  get geometry(): DeltaGeometry {
    const { path, inChannels, outChannels, part, kernelSize, window, upGroups } = this;
    return {
      path,
      inSize: inChannels,
      outSize: outChannels,
      r: part.r,
      kernel: kernelSize,
      groups: window.groups,
      upGroups,
    };
  }
}
