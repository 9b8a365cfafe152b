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

  /** Removes a base model from the list, with the files that were fetched for it if `files` is set. */
  async remove(name: string, { files = false }: { readonly files?: boolean } = {}): Promise<Deleted> {
    const query = files ? '?files=true' : '';
    return this.connection.json('DELETE', `/v1/base_models/${encodeURIComponent(name)}${query}`, deleted);
  }

  /**
   * Registers a folder on the server, or a model of a hub, as a base model, and waits until the server has fetched and read
   * it. Aborting the signal ends the waiting only; `cancelRegistration` stops the work.
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
      details: { folder: body.folder, model: body.model },
    });
  }

  /** Stops a registration; what was fetched stays for the next one. */
  async cancelRegistration(id: string): Promise<BaseModelRegistration> {
    const path = `/v1/base_models/registrations/${encodeURIComponent(id)}/cancel`;
    return this.connection.json('POST', path, baseModelRegistration);
  }
}
