/** The adapter that is kept of a run: what is trained, or plain LoRA of it where training starts from a part of the base. */
import { flattenModules, unflattenModules } from '#adapters/flat-factors.js';
import type { AdapterModule } from '#adapters/adapter.js';
import { frozenLayout } from '#lora/adapter-layout.js';
import type { LoraConfig } from '#lora/config.js';
import {
  plainConfig,
  plainFactors,
  plainModules,
  splitFactors,
  trainedModules,
} from '#lora/inits/plain-lora.js';
import type { LoraFactors, ModuleNumbers, TargetModule } from '#lora/target-module.js';
import type { TargetPlan } from '#lora/target-modules.js';

/** Trainable numbers, and what is taken out of the base meanwhile; flat vectors in the order of the layers. */
export interface RunNumbers {
  readonly parameters: Float32Array;
  /** Of size 0 where nothing is. */
  readonly frozen: Float32Array;
}

export class SavedAdapter {
  /** The layers as they are trained. */
  readonly trained: readonly TargetModule[];
  /** The layers as they are kept. */
  readonly modules: readonly TargetModule[];
  readonly config: LoraConfig;
  private readonly isPlain: boolean;

  constructor({ config, modules }: TargetPlan) {
    this.trained = trainedModules(config, modules);
    this.modules = plainModules(config, modules);
    this.config = plainConfig(config);
    this.isPlain = frozenLayout(this.trained).size === 0;
  }

  /** What a new run starts from: its factors are also what is taken out of the base. */
  start(parameters: Float32Array): RunNumbers {
    return { parameters, frozen: this.isPlain ? new Float32Array() : parameters.slice() };
  }

  /** The numbers of the layers as they are kept. */
  pack({ parameters, frozen }: RunNumbers): Float32Array {
    if (this.isPlain) return parameters;
    const start = unflattenModules(this.trained, frozen);
    const kept = unflattenModules(this.trained, parameters).map(({ numbers, r }, i) => ({
      ...this.modules[i]!,
      numbers: { ...plainFactors(factorsIn(numbers), factorsIn(start[i]!.numbers), r) },
    }));
    return flattenModules(kept);
  }

  /** What `pack` was given, bit for bit. */
  unpack(kept: Float32Array): RunNumbers {
    if (this.isPlain) return { parameters: kept, frozen: new Float32Array() };
    const halves = unflattenModules(this.modules, kept).map(({ numbers }, i) =>
      splitFactors(factorsIn(numbers), this.trained[i]!.r),
    );
    const flat = (half: 'factors' | 'start') =>
      flattenModules(
        halves.map((halves, i): AdapterModule => ({ ...this.trained[i]!, numbers: { ...halves[half] } })),
      );
    return { parameters: flat('factors'), frozen: flat('start') };
  }
}

const factorsIn = ({ A, B }: ModuleNumbers): LoraFactors => ({ A: A!, B: B! });
