/** Uploaded files: OpenAI's file object, and what the check of the upload found. */
import { z } from 'zod';
import { rowKinds } from '#data/rows/row.js';
import { dataColumns, dataFormat } from '#data/data-form.js';
import { order, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

/** What a training file holds, told by the check of its upload. */
export const fileReport = z
  .object({
    /** What the file is, as its bytes say: `csv`, say, and `csv in gzip` where it is packed. Files of earlier versions have none. */
    format: z.string().optional(),
    kind: z.enum(rowKinds),
    /** What was said of the file at its upload. */
    form: z
      .object({ format: z.string().nullish(), columns: z.record(z.string(), z.string()).nullish() })
      .optional(),
    rows: z.int(),
    /** Top-level fields that nothing reads, with the number of rows that have them. */
    unknown_fields: z.record(z.string(), z.int()),
    /** What rows hold that only some chat templates show: tools, tool calls, reasoning, further fields of messages. */
    warnings: z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .meta({ id: 'FileReport' });

export const fileObject = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: unixSeconds,
    /** When it goes by itself; null for never. */
    expires_at: unixSeconds.nullish(),
    filename: z.string(),
    purpose: z.enum(['fine-tune', 'fine-tune-results']),
    /** Always `processed`: a file is checked while it comes, and one that is wrong is not kept. */
    status: z.enum(['uploaded', 'processed', 'error']),
    /** Of the content, hexadecimal. */
    sha256: z.string(),
    report: fileReport.nullable(),
  })
  .meta({ id: 'File' });
export type FileObject = z.infer<typeof fileObject>;

export const filePage = pageOf(fileObject).meta({ id: 'FilePage' });

export const fileListQuery = z.strictObject({
  ...pageQuery(100, 10_000),
  order: order.default('desc'),
  purpose: z.string().max(64).optional(),
});

/** How long a file is kept: OpenAI's bounds, an hour to 30 days. */
export const fileExpiry = z.object({
  anchor: z.literal('created_at'),
  seconds: z.int().min(3600).max(2_592_000),
});

/** The fields of the multipart body; `file` must be one file. For documents: uploads are read as they come. */
export const fileUpload = z.object({
  file: z.string().meta({ format: 'binary' }),
  purpose: z.literal('fine-tune'),
  /** What the file is, where its bytes do not say it; jobs take it over. */
  format: dataFormat.optional(),
  /** Columns under the names of the fields that they are, in a form as JSON; jobs take it over. */
  columns: dataColumns.optional(),
  /** In a form `expires_after[anchor]` and `expires_after[seconds]`; without it a file is kept until it is deleted. */
  expires_after: fileExpiry.optional(),
});
