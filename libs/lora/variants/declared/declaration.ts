/** What a variant of LoRA adds to the configuration: the fields that ask for it, free of the engine. */
import type { z } from 'zod';

type Fields = Readonly<Record<string, z.ZodType>>;

/** Fields of every configuration that variants have rules about. */
interface CommonValues {
  readonly lora_dropout: number;
  readonly init_lora_weights: boolean | string;
}

interface DeclarationOf<F extends Fields, Values> {
  readonly fields: F;
  /** The field that asks for the variant. */
  readonly option: string & keyof F;
  /** What to write into a field, for people whose value was refused. */
  readonly fixes: Readonly<Record<keyof F & string, string>>;
  /** Whether PEFT has the fields; files in its format are written without them unless it does. */
  readonly isOfPeft: boolean;
  readonly isAsked: (values: Values) => boolean;
  /** Rules between its option and other fields. */
  readonly rules?: readonly {
    readonly problem: string;
    readonly fix: string;
    readonly isBroken: (values: Values) => boolean;
  }[];
}

/** Its functions take a configuration that has the fields of every variant. */
export type VariantDeclaration = DeclarationOf<Fields, object>;

export function declareVariant<F extends Fields>(
  declaration: DeclarationOf<F, { readonly [Field in keyof F]: z.output<F[Field]> } & CommonValues>,
): VariantDeclaration & { readonly fields: F } {
  // That every configuration has the fields of every variant is nothing that the type of a list of variants can say.
  return declaration as unknown as VariantDeclaration & { readonly fields: F };
}
