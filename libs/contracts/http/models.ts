/** Models that jobs can name, and the base models of this server. */
import { z } from 'zod';
import { basePrecisions, defaultPrecision } from '#training/base-precision/declared.js';
import { unixSeconds } from '#contracts/http/pages.js';

/** OpenAI's model object, and ours beside its fields. */
export const modelObject = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: unixSeconds,
    /** `lowrank` for base models, the project for fine-tuned ones. */
    owned_by: z.string(),
    kind: z.enum(['base', 'fine-tuned']),
    /** Base models only. */
    architecture: z.string().optional(),
    parameters: z.int().optional(),
    /** `sha256:` and 64 hexadecimal digits over the base model's files. */
    identity: z.string().nullable(),
    bundled: z.boolean().optional(),
    /** In what numbers it answers: as its files have it, or rounded to int8 or int4. */
    precision: z.string().optional(),
    /** Whether it has a chat template; without one it answers at /v1/completions only. */
    chat: z.boolean().optional(),
    /** Fine-tuned models only: the base, the adapter that makes the difference, the job that made it. */
    base_model: z.string().optional(),
    adapter: z.string().optional(),
    job: z.string().nullable().optional(),
  })
  .meta({ id: 'Model' });
export type ModelObject = z.infer<typeof modelObject>;

/** OpenAI lists models without pages. */
export const modelList = z
  .object({ object: z.literal('list'), data: z.array(modelObject) })
  .meta({ id: 'ModelList' });

const name = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/);

/** A folder or a GGUF file on the server, or a model of a hub, in Hugging Face's format. */
export const baseModelRegister = z
  .strictObject({
    /** The folder or .gguf file on the server; every worker must reach it under the same path. */
    folder: z.string().min(1).max(4096).optional(),
    /** `OWNER/NAME` or `OWNER/NAME@REVISION`, which is fetched. */
    model: z.string().min(1).max(300).optional(),
    /** Default: the name of the folder or file, or `OWNER/NAME`. */
    name: name.optional(),
    /** Whether it becomes the new version of a name that another model has; jobs and adapters keep the version they have. */
    replace: z.boolean().default(false),
    /** In what numbers it answers, on the CPU: as its files have it, or rounded to int8 or int4 for speed and memory. */
    precision: z.enum(basePrecisions).default(defaultPrecision),
  })
  .refine(({ folder, model }) => (folder === undefined) !== (model === undefined), {
    error: 'must have either folder or model',
    path: ['folder'],
  })
  .meta({ id: 'RegisterBaseModel' });
export type BaseModelRegister = z.input<typeof baseModelRegister>;

/** What is removed with the name. */
export const baseModelRemoval = z.strictObject({
  /** Whether the files go too: of models that were fetched from a hub only. */
  files: z.enum(['true', 'false']).default('false'),
});

/** A registration fetches what is not here and reads the whole model once, which takes a while: it goes on after the answer, also when the server is started again meanwhile. */
export const baseModelRegistration = z
  .object({
    id: z.string(),
    object: z.literal('base_model.registration'),
    status: z.enum(['running', 'done', 'failed']),
    folder: z.string(),
    /** Null for a folder that was on the server. */
    hub: z.object({ repository: z.string(), revision: z.string(), commit: z.string() }).nullable(),
    /** What is counted: bytes that have come from the hub, or bytes that were read. */
    stage: z.enum(['fetching', 'reading']),
    done_bytes: z.int(),
    /** 0 until it is known. */
    total_bytes: z.int(),
    model: modelObject.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'BaseModelRegistration' });
export type BaseModelRegistration = z.infer<typeof baseModelRegistration>;
