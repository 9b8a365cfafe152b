/** Compositions: several adapters of one base model added up to one; and exports of adapters in other formats. */
import { z } from 'zod';
import { declaredExport, exportDtypes, exportFormatNames } from '#adapters/exports/declared.js';
import { compositionReport } from '#contracts/composition-report.js';
import { objectId, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

const taskStatus = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
const taskProgress = z.object({ stage: z.string(), done: z.number(), total: z.number() }).nullable();
/** Why a queued one is not made; null if nothing is known against it, and otherwise. */
const taskWaiting = z
  .object({ code: z.string(), message: z.string(), since: unixSeconds, retry_at: unixSeconds.nullable() })
  .nullable();
const taskError = z.object({ code: z.string(), message: z.string() }).nullable();

export const suffixSyntax = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const maxMembers = 64;

export const memberFields = {
  /** Id of an adapter; or `checkpoint`. */
  adapter: objectId.optional(),
  /** Id of a checkpoint. */
  checkpoint: objectId.optional(),
};

export const compositionCreate = z
  .strictObject({
    members: z
      .array(
        z.strictObject({
          ...memberFields,
          /** Of either sign. */
          weight: z.number(),
        }),
      )
      .min(1)
      .max(maxMembers),
    /** The best of this rank in every layer. Without `rank` and `energy` the sum is stacked, which is exact. */
    rank: z.int().min(1).max(1_000_000).optional(),
    /** The smallest ranks that keep this share of every layer's squared norm. */
    energy: z.number().optional(),
    /** Part of the adapter's name. */
    suffix: z.string().regex(suffixSyntax).max(64).optional(),
    /** Whether only the report is wanted. */
    preview: z.boolean().default(false),
  })
  .meta({ id: 'CreateComposition' });
export type CompositionCreate = z.input<typeof compositionCreate>;
export type CompositionRequest = z.output<typeof compositionCreate>;

export const compositionMember = z.object({
  adapter: z.string().optional(),
  checkpoint: z.string().optional(),
  weight: z.number(),
});

/** What compositions, exports and uploads to a hub have in common: work that a worker does in the background. */
export const taskFields = {
  id: z.string(),
  created_at: unixSeconds,
  finished_at: unixSeconds.nullable(),
  status: taskStatus,
  /** Name of the base model. */
  model: z.string(),
  progress: taskProgress,
  waiting: taskWaiting,
  error: taskError,
};

export const compositionObject = z
  .object({
    ...taskFields,
    object: z.literal('composition'),
    members: z.array(compositionMember),
    rank: z.int().nullable(),
    energy: z.number().nullable(),
    suffix: z.string().nullable(),
    /** Once it succeeded. */
    report: compositionReport.nullable(),
    /** The adapter that it became. */
    adapter: z.string().nullable(),
  })
  .meta({ id: 'Composition' });
export type CompositionObject = z.infer<typeof compositionObject>;

export const compositionPreview = z
  .object({
    object: z.literal('composition.preview'),
    model: z.string(),
    members: z.array(compositionMember),
    report: compositionReport,
  })
  .meta({ id: 'CompositionPreview' });
export type CompositionPreview = z.infer<typeof compositionPreview>;

export const compositionPage = pageOf(compositionObject).meta({ id: 'CompositionPage' });
export const taskListQuery = z.strictObject(pageQuery(20));

export const exportCreate = z
  .strictObject({
    ...memberFields,
    /** What is made: a merged model in safetensors unless said otherwise. */
    format: z.enum(exportFormatNames).default('merged'),
    /** How numbers are written; what is usual for the format unless said otherwise. */
    dtype: z.enum(exportDtypes).optional(),
    /** Most bytes of tensors in one file of a merged model in safetensors; a larger tensor has a file of its own. */
    max_shard_bytes: z.int().min(1024).max(1e12).optional(),
  })
  .superRefine(({ format, dtype, max_shard_bytes }, context) => {
    const { title, dtypes, hasShards } = declaredExport(format);
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (dtype !== undefined && !dtypes.includes(dtype)) {
      refuse('dtype', `${title} is written in ${dtypes.join(', ')}`);
    }
    if (max_shard_bytes !== undefined && !hasShards)
      refuse('max_shard_bytes', `${title} is one file: leave it out`);
  })
  .meta({ id: 'CreateExport' });
export const exportListQuery = z.strictObject({
  ...pageQuery(20),
  /** Id of an adapter: only the exports of it. */
  adapter: objectId.optional(),
});
export type ExportCreate = z.input<typeof exportCreate>;
export type ExportRequest = z.output<typeof exportCreate>;

export const exportObject = z
  .object({
    ...taskFields,
    object: z.literal('export'),
    adapter: z.string().nullable(),
    checkpoint: z.string().nullable(),
    format: z.string().default('merged'),
    dtype: z.string(),
    /** Null for a format of one file. */
    max_shard_bytes: z.int().nullable(),
    /** Once it is whole. */
    files: z.array(z.object({ name: z.string(), bytes: z.int(), sha256: z.string() })),
    bytes: z.int(),
  })
  .meta({ id: 'Export' });
export type ExportObject = z.infer<typeof exportObject>;
export const exportPage = pageOf(exportObject).meta({ id: 'ExportPage' });
