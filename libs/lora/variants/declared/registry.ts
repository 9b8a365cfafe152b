/** What the variants of LoRA add to the configuration. */
import { doraDeclaration } from '#lora/variants/declared/dora.js';
import { loraBiasDeclaration } from '#lora/variants/declared/lora-bias.js';
import { outputDropoutDeclaration } from '#lora/variants/declared/output-dropout.js';
import type { VariantDeclaration } from '#lora/variants/declared/declaration.js';

const declared = [doraDeclaration, loraBiasDeclaration, outputDropoutDeclaration] as const;

type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;
type VariantFields = Intersection<(typeof declared)[number]['fields']>;

export const variantDeclarations: readonly VariantDeclaration[] = declared;

/** The fields of all variants. */
export const variantFields = Object.assign(
  {},
  ...variantDeclarations.map(({ fields }) => fields),
) as VariantFields;

/** What to write into them. */
export const variantFixes = Object.assign({}, ...variantDeclarations.map(({ fixes }) => fixes)) as Readonly<
  Record<string, string>
>;
