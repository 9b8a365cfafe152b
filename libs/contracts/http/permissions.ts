/** Leave for other projects to use a fine-tuned model or checkpoint: OpenAI's object and routes. */
import { z } from 'zod';
import { boundedArray } from '#base/bounded-schemas.js';
import { objectId, pageOf, pageQuery, unixSeconds } from '#contracts/http/pages.js';

export const permissionCreate = z
  .strictObject({
    /** Ids of the projects that may use the model; `GET /v1/keys` lists projects. */
    project_ids: boundedArray(objectId, { min: 1, max: 100 }),
  })
  .meta({ id: 'CreateCheckpointPermission' });
export type PermissionCreate = z.input<typeof permissionCreate>;
export type PermissionRequest = z.output<typeof permissionCreate>;

export const permissionObject = z
  .object({
    id: z.string(),
    object: z.literal('checkpoint.permission'),
    created_at: unixSeconds,
    /** The project that may use the model. */
    project_id: z.string(),
  })
  .meta({ id: 'CheckpointPermission' });
export type PermissionObject = z.infer<typeof permissionObject>;
export const permissionPage = pageOf(permissionObject).meta({ id: 'CheckpointPermissionPage' });

export const permissionListQuery = z.strictObject({
  ...pageQuery(10),
  order: z.enum(['ascending', 'descending']).default('descending'),
  project_id: objectId.optional(),
});
