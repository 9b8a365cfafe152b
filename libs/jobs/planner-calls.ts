/**
 * What the API asks of the process that plans: everything that takes long on texts and files that a caller wrote. That
 * process has no secrets, and may be killed at any time.
 */
import { z } from 'zod';
import { exportFormatNames } from '#adapters/exports/declared.js';
import { compositionForm } from '#contracts/composition-form.js';
import { memberFolder } from '#contracts/member-folder.js';
import type { Methods } from '#contracts/process-calls.js';
import { dataForm } from '#data/data-form.js';
import { validationSplit } from '#data/data-form.js';
import type { DatasetSummary } from '#data/dataset.js';
import { wantedDevices } from '#jobs/devices.js';
import type { JobPlan } from '#jobs/plan.js';
import type { LoraConfig } from '#lora/config.js';
import type { ShownExample } from '#training/measure-head.js';
import { parsedTrainingOptions } from '#training/options.js';

/** Made by the same version of this program. */
const object = <T extends object>() => z.custom<T>((value) => typeof value === 'object' && value !== null);

const base = z.object({ name: z.string(), folder: z.string(), identity: z.string() });

const dataFile = z.object({
  /** What problems call the file. */
  name: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  /** What is said of it beside its bytes. */
  form: dataForm.nullable(),
  /** A file with spans of it at their places; null if this process may have read what it needs already. */
  content: z.object({ path: z.string(), spans: z.array(z.tuple([z.int(), z.int()])) }).nullable(),
});
export type PlannedFile = z.infer<typeof dataFile>;

/** The steps of an earlier job. */
const earlierShape = z.object({
  trainableParameters: z.number(),
  blockLength: z.number(),
  batchSize: z.number(),
  accumulation: z.number(),
});
export type EarlierShape = z.infer<typeof earlierShape>;

const planTask = z.object({
  base,
  requested: z.object({
    training: z.record(z.string(), z.unknown()),
    lora: z.record(z.string(), z.unknown()).nullable(),
    device: z.enum(wantedDevices),
    seed: z.number().nullable(),
    learningRateMultiplier: z.number().nullable(),
  }),
  options: parsedTrainingOptions,
  lora: object<LoraConfig>(),
  initAdapter: z
    .object({
      id: z.string(),
      config: z.record(z.string(), z.unknown()),
      baseIdentity: z.string().nullable(),
      classes: z.array(z.string()).nullable().default(null),
    })
    .nullable(),
  trainingFile: dataFile,
  validationFile: dataFile.nullable(),
  validationSplit: validationSplit.nullable(),
  /** Whether examples are to be shown. */
  examples: z.boolean(),
  /** Whose operations are to be counted. */
  earlier: z.array(earlierShape),
});
export type PlanTask = z.input<typeof planTask>;

export interface Planned {
  readonly plan: JobPlan;
  /** The first examples of the training file, up to the length of a block; empty where they were not asked for. */
  readonly shown: readonly ShownExample[];
  readonly shownValidation: readonly ShownExample[];
  /** Operations of a step of each earlier job. */
  readonly earlierOperations: readonly number[];
}

export type PlanAnswer =
  | { readonly planned: Planned }
  /** These bytes of files are needed. */
  | { readonly missing: readonly MissingBytes[] };

export interface MissingBytes {
  readonly file: 'training' | 'validation';
  readonly start: number;
  readonly length: number;
}

const checkedFolder = z.object({
  /** Its adapter_config.json. */
  config: z.record(z.string(), z.unknown()),
  /** Names of its classes, if it tells some apart. */
  classes: z.array(z.string()).nullable(),
  /** What people should know of it. */
  notes: z.array(z.string()),
});
export type CheckedFolder = z.infer<typeof checkedFolder>;

export const plannerMethods = {
  /** Throws what `planJob` throws. */
  plan: { input: planTask, update: z.never(), result: object<PlanAnswer>() },
  /** Reads all of an uploaded file. Throws DataError. */
  checkData: {
    input: z.object({ file: z.string(), name: z.string(), form: dataForm.nullable() }),
    update: z.never(),
    result: object<DatasetSummary>(),
  },
  /** Looks at what has come so far of an upload. Throws DataError. */
  checkDataHead: {
    input: z.object({ file: z.string(), name: z.string(), form: dataForm.nullable() }),
    update: z.never(),
    result: z.null(),
  },
  /**
   * Opens the folder of a base model and reads its tokenizer and chat template, as jobs will. Throws the errors of
   * `openModelFolder`, `loadTokenizer` and `readTemplateSources`.
   */
  checkModel: { input: z.object({ folder: z.string() }), update: z.never(), result: z.null() },
  /**
   * Takes the files of an adapter out of an archive; yields the base model that they name, if they do. Throws LowrankError
   * `archive_refused` and `adapter_config_invalid`.
   */
  openArchive: {
    input: z.object({ archive: z.string(), folder: z.string(), maxBytes: z.number() }),
    update: z.never(),
    result: z.object({ base: z.unknown() }),
  },
  /** Whether members make a composition of a form. Throws what `openMembers`, `stackMembers` and `checkForm` throw. */
  checkMembers: {
    input: z.object({ members: z.array(memberFolder), form: compositionForm }),
    update: z.never(),
    result: z.null(),
  },
  /** Whether a format of exports can hold an adapter. Throws what its `check` and `openMembers` throw. */
  checkExport: {
    input: z.object({ member: memberFolder, baseFolder: z.string(), format: z.enum(exportFormatNames) }),
    update: z.never(),
    result: z.null(),
  },
  /**
   * Holds the folder of an adapter against its base model, and writes the base's name and licence into it. Throws what
   * `readAdapter` throws.
   */
  checkAdapter: {
    input: z.object({ folder: z.string(), base }),
    update: z.never(),
    result: checkedFolder,
  },
} satisfies Methods;
