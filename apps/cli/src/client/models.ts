/** Models that jobs can name. */
import {
  type BaseModelRegister,
  type BaseModelRegistration,
  baseModelRegistration,
  type ModelObject,
  modelList,
  modelObject,
} from '#contracts/http/models.js';
import { errorOf } from '#base/errors.js';
import { waitFor } from '../wait.js';
import type { Connection } from './connection.js';

export interface AddModelOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (registration: BaseModelRegistration) => void;
}

const pollMs = 100;
const longestPollMs = 2000;

export class ModelsClient {
  constructor(private readonly connection: Connection) {}

  async list(): Promise<ModelObject[]> {
    const { data } = await this.connection.json('GET', '/v1/models', modelList);
    return data;
  }

  async get(id: string): Promise<ModelObject> {
    return this.connection.json('GET', `/v1/models/${encodeURIComponent(id)}`, modelObject);
  }

  /**
   * Registers a folder on the server as a base model and waits until the server has read it.
   *
   * Throws ApiError, and LowrankError with the code that the registration failed with.
   */
  async add(body: BaseModelRegister, { signal, onProgress }: AddModelOptions = {}): Promise<ModelObject> {
    const path = '/v1/base_models';
    let now = await this.connection.json('POST', path, baseModelRegistration, {
      json: body,
      repeatable: true,
      signal,
    });
    for (let pause = pollMs; now.status === 'running'; pause = Math.min(2 * pause, longestPollMs)) {
      onProgress?.(now);
      await waitFor(pause, signal);
      now = await this.connection.json('GET', `${path}/registrations/${now.id}`, baseModelRegistration, {
        signal,
      });
    }
    if (now.status === 'done' && now.model) return now.model;
    const error = now.error ?? { code: 'internal_error', message: 'the registration failed' };
    throw errorOf({ ...error, details: { folder: body.folder } });
  }
}
