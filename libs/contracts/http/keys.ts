/** API keys and who asks with them. */
import { z } from 'zod';
import { unixSeconds } from '#contracts/http/pages.js';

/** `project`: files, jobs and adapters of one project. `admin`: the same, and what concerns the whole server. */
export const keyRoles = ['admin', 'project'] as const;
export const keyRole = z.enum(keyRoles);
export type KeyRole = (typeof keyRoles)[number];

/** A key without its secret, which is shown only when it is made. */
export const keyObject = z
  .object({
    id: z.string(),
    object: z.literal('api_key'),
    name: z.string(),
    role: keyRole,
    /** Id of the project that it opens. */
    project: z.string(),
    /** The secret's first characters. */
    prefix: z.string(),
    created_at: unixSeconds,
    /** Null while it is valid. */
    revoked_at: unixSeconds.nullable(),
  })
  .meta({ id: 'ApiKey' });
export type KeyObject = z.infer<typeof keyObject>;

export const keyList = z
  .object({ object: z.literal('list'), data: z.array(keyObject) })
  .meta({ id: 'ApiKeyList' });

/** Whose request this is. */
export const callerObject = z
  .object({
    object: z.literal('caller'),
    role: keyRole,
    project: z.string(),
    /** Id of the key; null on a server that never had one. */
    key: z.string().nullable(),
  })
  .meta({ id: 'Caller' });
export type CallerObject = z.infer<typeof callerObject>;
