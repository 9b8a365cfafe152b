/** Files that come in parts: OpenAI's uploads. */
import { z } from 'zod';
import { dataColumns, dataFormat } from '#data/data-form.js';
import { fileExpiry, fileObject } from '#contracts/http/files.js';
import { objectId, unixSeconds } from '#contracts/http/pages.js';

/** Most bytes of a part. */
export const maxPartBytes = 64 * 2 ** 20;
/** Most parts of an upload. */
export const maxParts = 10_000;

export const uploadCreate = z
  .strictObject({
    filename: z.string().min(1).max(255),
    purpose: z.literal('fine-tune'),
    /** Of the whole file; its parts must come to exactly that. */
    bytes: z
      .int()
      .min(1)
      .max(2 ** 50),
    /** Not looked at: the bytes say what a file is. */
    mime_type: z.string().max(255),
    expires_after: fileExpiry.optional(),
    /** What the file is, where its bytes do not say it; jobs take it over. */
    format: dataFormat.optional(),
    /** Columns under the names of the fields that they are; jobs take it over. */
    columns: dataColumns.optional(),
  })
  .meta({ id: 'CreateUpload' });
export type UploadCreate = z.output<typeof uploadCreate>;

/** The fields of the multipart body of a part. For documents: parts are read as they come. */
export const uploadPartForm = z.object({ data: z.string().meta({ format: 'binary' }) });

export const uploadComplete = z
  .strictObject({
    /** The parts in the order of the file; others are left out. */
    part_ids: z.array(objectId).min(1).max(maxParts),
    /** Of the whole file, hexadecimal. */
    md5: z
      .string()
      .max(32)
      .regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hexadecimal digits')
      .optional(),
  })
  .meta({ id: 'CompleteUpload' });
export type UploadComplete = z.output<typeof uploadComplete>;

export const uploadObject = z
  .object({
    id: z.string(),
    object: z.literal('upload'),
    bytes: z.int(),
    created_at: unixSeconds,
    /** Until then parts are taken. */
    expires_at: unixSeconds,
    filename: z.string(),
    purpose: z.string(),
    status: z.enum(['pending', 'completed', 'cancelled', 'expired']),
    /** What it became; null before that, and once the file is deleted. */
    file: fileObject.nullable(),
  })
  .meta({ id: 'Upload' });
export type UploadObject = z.infer<typeof uploadObject>;

export const uploadPartObject = z
  .object({
    id: z.string(),
    object: z.literal('upload.part'),
    created_at: unixSeconds,
    upload_id: z.string(),
  })
  .meta({ id: 'UploadPart' });
export type UploadPartObject = z.infer<typeof uploadPartObject>;
