/**
 * What the layers of github.com/cloneofsimo/lora are to the layers that adapters have: factors named `lora_down` and
 * `lora_up`, and a scale that is given with every run.
 */
import type { FactorShapes } from '#lora/layer-kinds/drawn-factors.js';
import type { AdaptedForward } from '#lora/layer-kinds/layer-kind.js';
import type { DropoutStreams, LayerRun, Selector } from '#lora/layer-run.js';
import { checkRanks } from '#lora/rank-limits.js';
import type { LayerGeometry, TargetModule } from '#lora/target-module.js';
import { lora } from '#lora/variants/lora.js';
import { outputDropout } from '#lora/variants/output-dropout.js';
import type { Variant } from '#lora/variants/variant.js';

/** Dropout of one injected layer while it trains. */
export interface BranchDropout {
  /** Share that is set to zero. */
  readonly rate: number;
  /** 'output' drops from what up gives, as cloneofsimo's layers do; 'input' from what down reads, as PEFT's do. */
  readonly on: 'output' | 'input';
  /** Row of the dropout streams that belongs to this layer. */
  readonly site: number;
  readonly streams: DropoutStreams;
}

export interface InjectedOptions {
  readonly r: number;
  /** Default 'identity'. */
  readonly selector?: Selector;
  readonly dropout?: BranchDropout;
}

const variantFor = ({ dropout }: InjectedOptions): Variant =>
  dropout?.on === 'output' ? outputDropout : lora;

/** Throws LowrankError `rank_too_large` for r > min(in, out). */
export function injectedTarget(
  path: string,
  geometry: LayerGeometry,
  options: InjectedOptions,
  shapes: FactorShapes,
): TargetModule {
  const { r } = options;
  checkRanks([{ path, r, ...geometry }]);
  const tensor = (role: 'A' | 'B', own: string) => {
    const name = `${path}.${own}.weight`;
    return { role, name, key: name, shape: shapes[role] };
  };
  return {
    path,
    ...geometry,
    r,
    loraAlpha: r,
    scale: 1,
    variant: variantFor(options).name,
    tensors: [tensor('A', 'lora_down'), tensor('B', 'lora_up')],
  };
}

export function injectedRun({ selector, dropout }: InjectedOptions): LayerRun {
  const { rate = 0, site = 0, streams = { keys: undefined } } = dropout ?? {};
  return { dropout: rate, site, streams, scaleFrom: 'input', ...(selector ? { selector } : {}) };
}

export function injectedForward(options: InjectedOptions): AdaptedForward {
  return variantFor(options).forward;
}
