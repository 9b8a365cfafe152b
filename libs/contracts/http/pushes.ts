/** Adapters that are uploaded to a hub. */
import { z } from 'zod';
import { memberFields, taskFields } from '#contracts/http/compositions.js';
import { pageOf, pageQuery } from '#contracts/http/pages.js';

const repository = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\/[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be OWNER/NAME');

export const pushCreate = z
  .strictObject({
    ...memberFields,
    /** `OWNER/NAME` at the hub; made if it is not there. */
    repository,
    /** Whether a repository that is made is private. */
    private: z.boolean().default(false),
    /** `OWNER/NAME` of the base model at the hub; left out: the name that it has here, where that is one. */
    base_model: repository.optional(),
  })
  .meta({ id: 'CreatePush' });
export type PushCreate = z.input<typeof pushCreate>;
export type PushRequest = z.output<typeof pushCreate>;

export const pushObject = z
  .object({
    ...taskFields,
    object: z.literal('push'),
    adapter: z.string().nullable(),
    checkpoint: z.string().nullable(),
    repository: z.string(),
    private: z.boolean(),
    /** What the card names as the base; null if it names none. */
    base_model: z.string().nullable(),
    /** Once it succeeded. */
    commit: z.string().nullable(),
    url: z.string().nullable(),
  })
  .meta({ id: 'Push' });
export type PushObject = z.infer<typeof pushObject>;
export const pushPage = pageOf(pushObject).meta({ id: 'PushPage' });
export const pushListQuery = z.strictObject(pageQuery(20));
