/** OpenAI's methods and their hyperparameters; what each objective adds to the three of all stands in its declaration. */
import { z } from 'zod';
import type { ObjectiveDeclaration } from '#training/objectives/declared/declaration.js';
import { declarations, type MethodType } from '#training/objectives/declared/registry.js';

const auto = <T extends z.ZodType>(value: T) => z.union([z.literal('auto'), value]);

/** As they may be written; the ranges are those of our own training options. */
const common = {
  batch_size: auto(z.int().min(1).max(256)).optional(),
  /** Of the learning rate that the program would choose. */
  learning_rate_multiplier: auto(z.number().positive().max(1000)).optional(),
  n_epochs: auto(z.number().positive().max(1000)).optional(),
};
export const hyperparameters = z.strictObject(common);
export type Hyperparameters = z.output<typeof hyperparameters>;

const shownCommon = {
  batch_size: auto(z.number()),
  learning_rate_multiplier: auto(z.number()),
  n_epochs: auto(z.number()),
};
/** As a job shows them: what was written, or what was chosen for `auto` once that is known. */
export const shownHyperparameters = z.object(shownCommon);
export type ShownHyperparameters = z.output<typeof shownHyperparameters>;

/** The options of an objective, without their defaults. */
function optionsOf({ method }: ObjectiveDeclaration): [name: string, schema: z.ZodType][] {
  return Object.entries<z.ZodType>(method.shape)
    .filter(([name]) => name !== 'type')
    .map(([name, schema]) => [
      name,
      schema instanceof z.ZodDefault ? (schema.unwrap() as z.ZodType) : schema,
    ]);
}

function writtenMethod(declaration: ObjectiveDeclaration) {
  const { type } = declaration;
  const own = optionsOf(declaration).map(([name, schema]) => [name, auto(schema).optional()] as const);
  const all = z.strictObject({ ...common, ...Object.fromEntries(own) });
  return z.strictObject({
    type: z.literal(type),
    [type]: z.strictObject({ hyperparameters: all.optional() }).optional(),
  });
}

function shownMethod(declaration: ObjectiveDeclaration) {
  const { type } = declaration;
  const all = z.object({ ...shownCommon, ...Object.fromEntries(optionsOf(declaration)) });
  return z.object({ type: z.literal(type), [type]: z.object({ hyperparameters: all }) });
}

type Written = { hyperparameters?: Hyperparameters & Record<string, unknown> };
type Shown = { hyperparameters: ShownHyperparameters & Record<string, unknown> };
/** A method with its options under its type: `{"type": "dpo", "dpo": {...}}`. */
type AnyMethod<Body> = { type: MethodType } & { [T in MethodType]?: Body };

type Options = [z.ZodObject, ...z.ZodObject[]];

/** As a body has it. */
export const writtenMethods = z.discriminatedUnion(
  'type',
  declarations.map(writtenMethod) as unknown as Options,
) as unknown as z.ZodType<AnyMethod<Written>, AnyMethod<Written>>;

/** As a job shows it. */
export const shownMethods = z.discriminatedUnion(
  'type',
  declarations.map(shownMethod) as unknown as Options,
) as unknown as z.ZodType<AnyMethod<Shown>, AnyMethod<Shown>>;

/** What to give as a method, for messages. */
export const methodFix = declarations
  .map(
    ({ type, fixes }) =>
      `{"type": "${type}", "${type}": {"hyperparameters": {${['...', ...Object.keys(fixes).map((name) => `"${name}"`)].join(', ')}}}}`,
  )
  .join(' or ');
