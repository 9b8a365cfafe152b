/** Links to adapters. */
import { z } from 'zod';
import { objectId, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

const longestSeconds = 366 * 86_400;

export const shareCreate = z
  .strictObject({
    /** Id of the adapter. */
    adapter: objectId,
    /** How long the link lives; 7 days unless given. */
    expires_in_seconds: z
      .int()
      .min(1)
      .max(longestSeconds)
      .default(7 * 86_400),
    /** How often the weights may be fetched. */
    max_downloads: z.int().min(1).max(1_000_000).optional(),
  })
  .meta({ id: 'CreateShare' });
export type ShareCreate = z.input<typeof shareCreate>;
export type ShareRequest = z.output<typeof shareCreate>;

export const shareObject = z
  .object({
    id: z.string(),
    object: z.literal('share'),
    created_at: unixSeconds,
    expires_at: unixSeconds,
    revoked_at: unixSeconds.nullable(),
    status: z.enum(['open', 'expired', 'revoked', 'used_up']),
    adapter: z.string(),
    max_downloads: z.int().nullable(),
    downloads: z.int(),
    /** Path of the link, with its token: told once, when it is made. */
    path: z.string().nullable(),
  })
  .meta({ id: 'Share' });
export type ShareObject = z.infer<typeof shareObject>;

export const sharePage = pageOf(shareObject).meta({ id: 'SharePage' });
export const shareListQuery = z.strictObject({
  ...pageQuery(20),
  adapter: objectId.optional(),
});

export const shareAccess = z
  .object({
    id: z.string(),
    object: z.literal('share.access'),
    created_at: unixSeconds,
    /** What was answered: the page, a file, or a 404 and why. */
    outcome: z.string(),
    file: z.string().nullable(),
    address: z.string().nullable(),
    user_agent: z.string().nullable(),
  })
  .meta({ id: 'ShareAccess' });
export type ShareAccessObject = z.infer<typeof shareAccess>;
/** The newest 1000, newest first. */
export const shareAccessList = z
  .object({ object: z.literal('list'), data: z.array(shareAccess) })
  .meta({ id: 'ShareAccessList' });
