/** What a way to start factors owns that does more than draw random numbers for a layer of any kind. */
import { type Matrix, transposed } from '#lora/numeric/matrix-products.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';
import type { AdapterStart } from '#lora/variants/variant.js';

export interface Init {
  /** Whether a value of PEFT's `init_lora_weights`, in small letters, means this. */
  readonly matches: (name: string) => boolean;
  /** Why it is not done on a layer, or undefined where it is. */
  readonly refusal: (target: TargetModule) => string | undefined;
  readonly factors: (target: TargetModule, start: AdapterStart) => Promise<LoraFactors>;
  /**
   * Whether the product that training starts from is taken out of the base's weight for as long as it lasts, so that the
   * model starts as it is. The adapter is saved for the untouched base (`inits/plain-lora.ts`).
   */
  readonly isSubtracted: boolean;
  /** Whether what is subtracted follows from the weight alone, so that it can be had again. */
  readonly isKnownAgain?: (name: string) => boolean;
}

/** The weight of a linear layer, [out, in] however it is stored. */
export async function weightOf(
  target: TargetModule,
  { readWeight, isTransposed }: AdapterStart,
): Promise<Matrix> {
  const { path, inFeatures, outFeatures } = target;
  const values = await readWeight(`${path}.weight`);
  return isTransposed?.(target)
    ? transposed({ values, rows: inFeatures, columns: outFeatures })
    : { values, rows: outFeatures, columns: inFeatures };
}

/** PEFT has these for linear layers, and its conversion knows A and B alone. */
export function plainLinearOnly({ kind, tensors }: TargetModule): string | undefined {
  if (kind !== 'linear') return 'it is for linear layers';
  return tensors.every(({ role }) => role === 'A' || role === 'B') ? undefined : 'it is for plain LoRA';
}
