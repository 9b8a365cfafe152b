/** Models that jobs can name. */
import { errorOf } from '#base/errors.js';
import {
  type BaseModelRegister,
  type BaseModelRegistration,
  baseModelRegistration,
  type ModelObject,
  modelList,
  modelObject,
} from '#contracts/http/models.js';
import { deleted, type Deleted } from '#contracts/http/pages.js';
import type { Connection } from './connection.js';
import type { ReadOptions } from './pages.js';
import { poll, type PollOptions } from './poll.js';

export type AddModelOptions = PollOptions<BaseModelRegistration>;

export class ModelsClient {
  constructor(private readonly connection: Connection) {}

  async list(options: ReadOptions = {}): Promise<ModelObject[]> {
    const { data } = await this.connection.json('GET', '/v1/models', modelList, options);
    return data;
  }

  async get(id: string): Promise<ModelObject> {
    return this.connection.json('GET', `/v1/models/${encodeURIComponent(id)}`, modelObject);
  }

  /** Removes a base model from the list. */
  async remove(name: string): Promise<Deleted> {
    return this.connection.json('DELETE', `/v1/base_models/${encodeURIComponent(name)}`, deleted);
  }

  /**
   * Registers a folder on the server as a base model and waits until the server has read it.
   *
   * Throws ApiError, and LowrankError with the code that the registration failed with.
   */
  async add(body: BaseModelRegister, options: AddModelOptions = {}): Promise<ModelObject> {
    const path = '/v1/base_models';
    const { signal } = options;
    const begun = await this.connection.json('POST', path, baseModelRegistration, {
      json: body,
      repeatable: true,
      signal,
    });
    const read = () =>
      this.connection.json('GET', `${path}/registrations/${begun.id}`, baseModelRegistration, { signal });
    const { status, model, error } = await poll(begun, (now) => now.status === 'running', read, options);
    if (status === 'done' && model) return model;
    throw errorOf({
      ...(error ?? { code: 'internal_error', message: 'the registration failed' }),
      details: { folder: body.folder },
    });
  }
}
