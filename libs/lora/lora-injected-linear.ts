/** The linear layer of github.com/cloneofsimo/lora (`LoraInjectedLinear`). */
import { injectedForward, type InjectedOptions, injectedRun, injectedTarget } from '#lora/injected-layer.js';
import { linearKind, LoraLinear } from '#lora/layer-kinds/linear.js';
import type { DeltaGeometry } from '#lora/merge-injected.js';
import type { RowMap } from '#nn/module.js';

/**
 * y = base(x) + scale * dropout(up(selector(down(x)))) for rows x [rows, in]; down is [r, in], up is [out, r].
 *
 * Throws `rank_too_large` for r > min(in, out).
 */
export class LoraInjectedLinear extends LoraLinear {
  constructor(base: RowMap, options: InjectedOptions) {
    const { r } = options;
    const shapes = { A: [r, base.inFeatures], B: [base.outFeatures, r] };
    const target = injectedTarget(base.path, linearKind.geometryOf(base)!, options, shapes);
    super(base, target, injectedRun(options), injectedForward(options));
  }

  /** The sizes that its update has as a weight. */
  get geometry(): DeltaGeometry {
    const { path, inFeatures, outFeatures, part } = this;
    return {
      path,
      inSize: inFeatures,
      outSize: outFeatures,
      r: part.r,
      kernel: [1, 1],
      groups: 1,
      upGroups: 1,
    };
  }
}
