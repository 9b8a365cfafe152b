import { z } from 'zod';
import { UnsupportedError } from '#base/errors.js';
import type { ConfigReader } from '#models/config-reader.js';
import type { RopeConfig, RopeScaling } from '#nn/rotary-frequencies.js';

const positive = z.number().positive();
const length = z.int().positive();
const share = z.number().positive().max(1);

/** The parameters of `rope_scaling` or `rope_parameters`, one shape for each kind. */
const parameters = {
  default: z.object({}),
  linear: z.object({ factor: positive }),
  llama3: z.object({
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    original_max_position_embeddings: length.optional(),
  }),
  yarn: z.object({
    factor: positive.nullable(),
    original_max_position_embeddings: length.optional(),
    attention_factor: positive.nullish(),
    beta_fast: z.number().nonnegative().nullish(),
    beta_slow: z.number().nonnegative().nullish(),
    mscale: z.number().nullish(),
    mscale_all_dim: z.number().nullish(),
    truncate: z.boolean().optional(),
  }),
  proportional: z.object({
    factor: positive.default(1),
    partial_rotary_factor: share.default(1),
  }),
};
const knownTypes = Object.keys(parameters) as (keyof typeof parameters)[];

const dictionary = z.record(z.string(), z.unknown()).nullish();

/** The keys of a config.json that describe the rotary embedding, in both spellings that exist. */
export const ropeFields = {
  rope_theta: positive.nullish(),
  rope_scaling: dictionary,
  rope_parameters: dictionary,
  partial_rotary_factor: z.number().nullish(),
  original_max_position_embeddings: length.nullish(),
};

/** A config.json's rotary keys after {@link ropeFields}. */
export type RopeFields = z.infer<z.ZodObject<typeof ropeFields>>;

/** What a family fills in where the file is silent. */
export interface RopeDefaults {
  readonly maxPositionEmbeddings: number;
  readonly theta: number;
  /** Whether the family may rotate a part of every head; it reads which by {@link parsePartialRotary}. */
  readonly partial?: true;
}

/**
 * Reads the rotary embedding of a config.json.
 *
 * `rope_scaling` (older files, beside `rope_theta`) wins over `rope_parameters`, and a length at the top of the file
 * over one inside, as in transformers 5.24. Problems are reported to the reader. Throws UnsupportedError for another kind
 * of scaling, parameters for each layer type, and partial rotation unless the family reads it.
 */
export function parseRope(
  fields: RopeFields,
  { maxPositionEmbeddings, theta, partial }: RopeDefaults,
  reader: Pick<ConfigReader, 'report'>,
): RopeConfig {
  const { name, raw } = parametersOf(fields);
  if (raw['full_attention'] !== undefined || raw['sliding_attention'] !== undefined) {
    throw unsupported(
      `${name} with an entry for each layer type`,
      'use one set of parameters for all layers',
    );
  }
  if (partial === undefined) refusePartial(raw, fields);
  return parseParameters(raw, name, fields, { maxPositionEmbeddings, theta }, reader);
}

/** The share of every head that is rotated; `silent` where the file has none. */
export function parsePartialRotary(fields: RopeFields, silent: number): number {
  return share.parse(
    parametersOf(fields).raw['partial_rotary_factor'] ?? fields.partial_rotary_factor ?? silent,
  );
}

/** The rotary embeddings of layers with and without a sliding window. */
export interface LayerRopes {
  readonly full: RopeConfig;
  readonly sliding: RopeConfig;
}

/**
 * Reads parameters for each layer type, as Gemma 3 and OLMo 3 have them. Older files have `rope_theta` and `rope_scaling`
 * at the top, which layers without a window take; `slidingTheta` is what the others are given there.
 */
export function parseLayerRopes(
  fields: RopeFields,
  { maxPositionEmbeddings, ...silent }: { maxPositionEmbeddings: number; full: number; sliding: number },
  slidingTheta: unknown,
  reader: Pick<ConfigReader, 'report'>,
): LayerRopes {
  const given = fields.rope_parameters ?? {};
  const of = (type: string) => dictionary.parse(given[type]) ?? {};
  const parse = (type: string, raw: Record<string, unknown>, theta: number) => {
    refusePartial(raw, fields);
    // A base at the top is that of layers without a window.
    const own = { ...raw, rope_theta: raw['rope_theta'] ?? theta };
    return parseParameters(own, `rope_parameters.${type}`, fields, { maxPositionEmbeddings, theta }, reader);
  };
  const scaled = { ...of('full_attention'), ...fields.rope_scaling };
  return {
    full: parse('full_attention', scaled, fields.rope_theta ?? silent.full),
    sliding: parse(
      'sliding_attention',
      of('sliding_attention'),
      positive.parse(slidingTheta ?? silent.sliding),
    ),
  };
}

function parametersOf(fields: RopeFields): { name: string; raw: Record<string, unknown> } {
  const name = isFilled(fields.rope_scaling) ? 'rope_scaling' : 'rope_parameters';
  return { name, raw: fields[name] ?? {} };
}

function refusePartial(raw: Record<string, unknown>, fields: RopeFields): void {
  if (raw['rope_type'] === 'proportional') return;
  const partial = raw['partial_rotary_factor'] ?? fields.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    throw unsupported(`partial_rotary_factor ${JSON.stringify(partial)}`, 'only whole heads are rotated (1)');
  }
}

function parseParameters(
  raw: Record<string, unknown>,
  name: string,
  fields: RopeFields,
  { maxPositionEmbeddings, theta: silent }: RopeDefaults,
  reader: Pick<ConfigReader, 'report'>,
): RopeConfig {
  const type = raw['rope_type'] ?? raw['type'] ?? 'default';
  if (!isKnown(type)) {
    throw unsupported(
      `rope_type ${JSON.stringify(type)} in ${name}`,
      `known rope types: ${knownTypes.join(', ')}`,
    );
  }
  const theta = positive.safeParse(raw['rope_theta'] ?? fields.rope_theta ?? silent);
  if (!theta.success) reader.report(`${name}.rope_theta`, 'must be a number above 0');
  const scaling = parseScaling(type, raw, fields, maxPositionEmbeddings, (field, problem) =>
    reader.report(`${name}.${field}`, problem),
  );
  return { theta: theta.data ?? silent, scaling: scaling ?? { type: 'default' } };
}

function parseScaling(
  type: keyof typeof parameters,
  raw: Record<string, unknown>,
  fields: RopeFields,
  maxPositionEmbeddings: number,
  report: (field: string, problem: string) => void,
): RopeScaling | undefined {
  const read = <T>(schema: z.ZodType<T>): T | undefined => {
    const result = schema.safeParse(raw);
    for (const issue of result.error?.issues ?? []) report(issue.path.join('.'), issue.message);
    return result.data;
  };
  const originalLength = (inside: number | undefined) =>
    fields.original_max_position_embeddings ?? inside ?? maxPositionEmbeddings;
  if (type === 'default') return { type };
  if (type === 'linear') {
    const linear = read(parameters.linear);
    return linear && { type, factor: linear.factor };
  }
  if (type === 'proportional') {
    const proportional = read(parameters.proportional);
    return proportional && { type, factor: proportional.factor, share: proportional.partial_rotary_factor };
  }
  if (type === 'llama3') {
    const llama3 = read(parameters.llama3);
    return (
      llama3 && {
        type,
        factor: llama3.factor,
        lowFreqFactor: llama3.low_freq_factor,
        highFreqFactor: llama3.high_freq_factor,
        originalMaxPositionEmbeddings: originalLength(llama3.original_max_position_embeddings),
      }
    );
  }
  const yarn = read(parameters.yarn);
  const original = originalLength(yarn?.original_max_position_embeddings);
  return (
    yarn && {
      type,
      factor: yarn.factor ?? maxPositionEmbeddings / original,
      originalMaxPositionEmbeddings: original,
      attentionFactor: yarn.attention_factor ?? null,
      // Zero means the default too: the reference writes `or 32`.
      betaFast: yarn.beta_fast || 32,
      betaSlow: yarn.beta_slow || 1,
      mscale: yarn.mscale ?? null,
      mscaleAllDim: yarn.mscale_all_dim ?? null,
      truncate: yarn.truncate ?? true,
    }
  );
}

function isFilled(value: Record<string, unknown> | null | undefined): boolean {
  return value !== null && value !== undefined && Object.keys(value).length > 0;
}

function isKnown(type: unknown): type is keyof typeof parameters {
  return typeof type === 'string' && Object.hasOwn(parameters, type);
}

function unsupported(what: string, hint: string): UnsupportedError {
  return new UnsupportedError(`${what} is not supported: ${hint}`, { option: what });
}
