import type { ModelObject } from '#contracts/http/models.js';
import type { Adapter } from '#platform/database/entities/adapter.js';
import type { BaseModel } from '#platform/database/entities/base-model.js';
import { unixSeconds } from '../http/unix-seconds.js';

/** A base model as it is answered; `chat` = it has a chat template. */
export function viewBaseModel(model: BaseModel, chat: boolean): ModelObject {
  return {
    id: model.name,
    object: 'model',
    created: unixSeconds(model.createdAt),
    owned_by: 'lowrank',
    kind: 'base',
    architecture: model.architecture,
    parameters: model.parameters,
    identity: model.identity,
    bundled: model.bundled,
    precision: model.precision,
    chat,
  };
}

/** What is read of an adapter for that: its configuration may be large. */
export const shownOfTuned = [
  'id',
  'name',
  'createdAt',
  'projectId',
  'baseIdentity',
  'model',
  'jobId',
] as const satisfies readonly (keyof Adapter)[];

/** An adapter on its base, as the model that clients see. */
export function viewTunedModel(adapter: Pick<Adapter, (typeof shownOfTuned)[number]>): ModelObject {
  return {
    id: adapter.name,
    object: 'model',
    created: unixSeconds(adapter.createdAt),
    owned_by: adapter.projectId,
    kind: 'fine-tuned',
    identity: adapter.baseIdentity,
    base_model: adapter.model,
    adapter: adapter.id,
    job: adapter.jobId,
  };
}
