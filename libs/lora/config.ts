import { z } from 'zod';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { anyValue, boundedArray, boundedRecord } from '#base/bounded-schemas.js';
import { fieldOf, inWords, valueAt } from '#base/field-problems.js';
import { nearestNames } from '#base/nearest-names.js';
import { listed, quote } from '#base/quote.js';
import { refusals, unsupported, unsupportedOptions } from '#lora/unsupported-options.js';
import { variantDeclarations, variantFields, variantFixes } from '#lora/variants/declared/registry.js';

/** Problems that one error lists. */
const maxProblems = 50;
/** Sizes that no configuration of a real model comes near: names are paths of modules or regular expressions. */
const longestName = 500;
const longestExpression = 20_000;
const maxNames = 10_000;
const maxPatterns = 2000;

/** What is wrong with one field of a LoRA configuration and what to write instead. */
export interface LoraConfigProblem {
  readonly field: string;
  readonly problem: string;
  readonly fix: string;
}

/** A LoRA configuration with every problem it has. */
export class LoraConfigError extends LowrankError {
  constructor(readonly problems: readonly LoraConfigProblem[]) {
    super('lora_config_invalid', `the LoRA configuration cannot be used: ${inWords(problems)}`, {
      details: { problems: problems.slice(0, maxProblems) },
    });
  }
}

/** What to write into a field, for people whose value was refused. */
const fixes: Readonly<Record<string, string>> = {
  r: 'give a whole number of 1 or more; 8 is usual',
  lora_alpha: 'give a number above 0; twice r is usual',
  lora_dropout: 'give a number from 0 up to but not 1',
  target_modules:
    'give a list of module names such as ["q_proj", "v_proj"], one regular expression, or "all-linear"',
  exclude_modules: 'give a list of module names or one regular expression',
  layers_to_transform: 'give a layer number or a list of layer numbers, counted from 0',
  layers_pattern: 'give the name of the list of layers, such as "layers", or several',
  rank_pattern: 'give an object from module names or regular expressions to ranks of 1 or more',
  alpha_pattern: 'give an object from module names or regular expressions to alphas above 0',
  use_rslora: 'give true or false',
  init_lora_weights:
    'give true, false, "gaussian", "orthogonal", "pissa", "pissa_niter_16" or another number, or "olora"',
  peft_type: 'give "LORA"',
  task_type: 'give "CAUSAL_LM", "SEQ_CLS" or null',
  base_model_name_or_path: 'give a name or null',
  revision: 'give a name or null',
  inference_mode: 'give true or false',
  bias: 'give "none", "lora_only" or "all"',
  modules_to_save: 'give a list of module names such as ["lm_head"], or null',
  fan_in_fan_out: 'give true or false',
  auto_mapping: 'leave it out',
  peft_version: 'leave it out',
  ...variantFixes,
};

type KnownInit = 'gaussian' | 'orthogonal' | 'olora' | 'pissa' | `pissa_niter_${number}`;
/** Names of PEFT's `init_lora_weights` that are done. */
const knownInits = /^(gaussian|orthogonal|olora|pissa(_niter_\d{1,3})?)$/i;
/** `init_lora_weights` of PEFT 0.21 that are not: they read data, or quantise the base. */
const unsupportedInits = /^(eva|corda|loftq|mica|lora_ga)$/i;
/** Those of them under which a trained adapter means what it means under any other. */
const harmlessInits = /^(eva|orthogonal)$/i;
const unsupportedTasks = ['SEQ_CLS', 'SEQ_2_SEQ_LM', 'TOKEN_CLS', 'QUESTION_ANS', 'FEATURE_EXTRACTION'];

const name = z.string().min(1).max(longestName);
const expression = z.string().max(longestExpression);
const label = z.string().max(longestName).nullable().default(null);
/** An empty text or list names nothing, as null does. */
const names = z
  .union([expression, boundedArray(name, { max: maxNames })])
  .nullable()
  .default(null);
const layer = z.int().nonnegative();
const rank = z.int().positive();
const alpha = z.number().positive();
/** JSON null stands for an empty object, as some writers have it. */
const pattern = <T extends z.ZodType>(value: T) =>
  boundedRecord(z.string().min(1).max(longestExpression), value, maxPatterns)
    .nullish()
    .transform((entries): Record<string, z.output<T>> => entries ?? {});

const fields = {
  r: rank.default(8),
  lora_alpha: alpha.default(8),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z
    .union([expression.min(1), boundedArray(name, { min: 1, max: maxNames })])
    .nullable()
    .default(null),
  exclude_modules: names,
  layers_to_transform: z
    .union([layer, boundedArray(layer, { max: maxNames })])
    .nullable()
    .default(null),
  layers_pattern: names,
  rank_pattern: pattern(rank),
  alpha_pattern: pattern(alpha),
  use_rslora: z.boolean().default(false),
  ...variantFields,
  init_lora_weights: z
    .union([z.boolean(), z.string().max(longestName)])
    .default(true)
    .refine((init) => typeof init === 'boolean' || !unsupportedInits.test(init), unsupported)
    .refine((init) => typeof init === 'boolean' || knownInits.test(init) || unsupportedInits.test(init))
    .transform((init) => (typeof init === 'boolean' ? init : (init.toLowerCase() as KnownInit))),
  peft_type: z
    .string()
    .max(longestName)
    .default('LORA')
    .refine((type) => type === 'LORA', unsupported),
  task_type: z
    .enum(['CAUSAL_LM', ...unsupportedTasks])
    .nullable()
    .default(null)
    .refine((task) => task === null || task === 'CAUSAL_LM' || task === 'SEQ_CLS', unsupported),
  base_model_name_or_path: label,
  revision: label,
  inference_mode: z.boolean().default(false),
  bias: z.enum(['none', 'all', 'lora_only']).default('none'),
  modules_to_save: boundedArray(name, { max: maxNames }).nullable().default(null),
  // What it says follows from the layers themselves, as in PEFT, which corrects it.
  fan_in_fan_out: z.boolean().default(false),
  auto_mapping: boundedRecord(name, anyValue(1000), 100).nullable().default(null),
  peft_version: label,
};

const isNothing = (value: unknown) =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0);

// The rules between fields run even if a field is wrong by itself, so that one answer names everything.
const always = { when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null };
const rule = (path: string, problem: string, fix: string) => ({
  path: [path],
  error: problem,
  params: { fix },
  ...always,
});

const checkedFields = z
  .strictObject({ ...fields, ...refusals })
  .refine(
    (config) => typeof config.target_modules !== 'string' || isNothing(config.layers_to_transform),
    rule(
      'layers_to_transform',
      'cannot be used when target_modules is a text',
      'name the layers in the regular expression, or give target_modules as a list',
    ),
  )
  .refine(
    (config) => typeof config.target_modules !== 'string' || isNothing(config.layers_pattern),
    rule(
      'layers_pattern',
      'cannot be used when target_modules is a text',
      'name the layers in the regular expression, or give target_modules as a list',
    ),
  )
  .refine(
    (config) => isNothing(config.layers_pattern) || config.layers_to_transform !== null,
    rule(
      'layers_pattern',
      'has no effect without layers_to_transform',
      'give layers_to_transform too, or neither',
    ),
  );

type CheckedConfig = z.output<typeof checkedFields>;

/** A configuration asks for one variant, in the way that it allows. */
const variantRules = variantDeclarations.flatMap(({ option, isAsked, rules = [] }, at) => [
  ...rules.map(({ isBroken, problem, fix }) => ({ isBroken, ...rule(option, problem, fix) })),
  ...variantDeclarations.slice(0, at).map((other) => ({
    isBroken: (config: CheckedConfig) => isAsked(config) && other.isAsked(config),
    ...rule(option, `cannot be used with ${other.option}`, 'leave one of them out'),
  })),
]);

/**
 * PEFT's LoraConfig with its defaults, and fields of our own variants, for job input: an unknown field is an error, and an
 * option of PEFT that is not done here is one unless it is set to its default. Field names and meanings are those of PEFT 0.21.
 *
 * `parseLoraConfig` wraps it in typed errors; use the schema itself where zod's own issues are wanted.
 */
export const loraConfigSchema = variantRules
  .reduce(
    (schema, { isBroken, ...rest }) => schema.refine((config) => !isBroken(config), rest),
    checkedFields,
  )
  .transform((config): LoraConfig => {
    const supported = Object.keys(fields) as (keyof typeof fields)[];
    return Object.fromEntries(supported.map((field) => [field, config[field]])) as unknown as LoraConfig;
  });

/** Fields that say how to train and that PEFT does not have: its files are written without them. */
export const ownFields = variantDeclarations.flatMap(({ isOfPeft, fields: own }) =>
  isOfPeft ? [] : Object.keys(own),
);

/** A LoRA configuration: PEFT's fields as far as they are done here, every default filled in. */
export type LoraConfig = { readonly [F in keyof typeof fields]: z.output<(typeof fields)[F]> };
/** What may be written for a LoRA configuration; everything may be left out. */
export type LoraConfigInput = { readonly [F in keyof typeof fields]?: z.input<(typeof fields)[F]> };

/**
 * Checks a LoRA configuration that a person wrote.
 *
 * Throws LoraConfigError with every problem, or UnsupportedError if nothing is wrong but options are not done here.
 */
export function parseLoraConfig(input: unknown): LoraConfig {
  const parsed = loraConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const refused: string[] = [];
  const problems: LoraConfigProblem[] = [];
  for (const issue of parsed.error.issues.slice(0, maxProblems)) {
    const params = (issue.code === 'custom' ? (issue.params ?? {}) : {}) as {
      unsupported?: true;
      fix?: string;
    };
    const field = fieldOf(issue.path);
    if (params.unsupported) refused.push(`${field} ${quote(valueAt(input, issue.path))}`);
    else if (issue.code === 'unrecognized_keys')
      problems.push(...unknownFields(issue.keys.slice(0, maxProblems)));
    else problems.push(problemOf(field, issue.message, valueAt(input, issue.path), params.fix));
  }
  if (problems.length > 0) throw new LoraConfigError(problems);
  throw new UnsupportedError(
    `LoRA options that PEFT has but are not supported here: ${listed(refused, 10)}; leave them out`,
    { options: refused.map((option) => option.split(' ', 1)[0]) },
  );
}

/** A configuration read from an adapter, and the fields of it that mean nothing here. */
export interface ReadLoraConfig {
  readonly config: LoraConfig;
  /** Fields that this version of PEFT's format does not know; PEFT drops them too, with a warning. */
  readonly ignored: readonly string[];
}

/**
 * Checks the adapter_config.json of an adapter. Fields of newer PEFT versions are tolerated and reported, and so are ways
 * to start factors that leave the base model as it is: what they were trained to is in the file.
 */
export function readLoraConfig(json: unknown): ReadLoraConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { config: parseLoraConfig(json), ignored: [] };
  }
  const known = Object.fromEntries(Object.entries(json).filter(([field]) => isKnown(field)));
  const { init_lora_weights: init } = known;
  if (typeof init === 'string' && harmlessInits.test(init)) {
    known['init_lora_weights'] = true;
    delete known['eva_config'];
  }
  return { config: parseLoraConfig(known), ignored: Object.keys(json).filter((field) => !isKnown(field)) };
}

function isKnown(field: string): boolean {
  return Object.hasOwn(fields, field) || Object.hasOwn(unsupportedOptions, field);
}

function problemOf(
  field: string,
  message: string,
  value: unknown,
  fix: string | undefined,
): LoraConfigProblem {
  const top = field.split('.', 1)[0]!;
  // "Invalid input" alone says less than the value does.
  const problem = message === 'Invalid input' ? `${quote(value)} is not understood` : message;
  return {
    field: field || '(configuration)',
    problem,
    fix: fix ?? fixes[top] ?? 'give an object',
  };
}

/** The known fields are listed once: an answer to many unknown ones is not to be many times as long. */
function unknownFields(names: readonly string[]): LoraConfigProblem[] {
  let listing = `known fields: ${Object.keys(fields).join(', ')}`;
  return names.map((name) => {
    const near = nearestNames(name, Object.keys(fields));
    const fix = near.length > 0 ? `did you mean ${near.join(' or ')}?` : listing;
    if (near.length === 0) listing = 'correct its name, or leave it out';
    return { field: fieldOf([name]), problem: 'is not a field of a LoRA configuration', fix };
  });
}
