/** Classes of texts. */
import {
  type Classification,
  classification,
  type ClassificationCreate,
} from '#contracts/http/classifications.js';
import type { Connection } from './connection.js';
import type { ReadOptions } from './pages.js';

export class ClassificationsClient {
  constructor(private readonly connection: Connection) {}

  /** The classes of one input or several, with their probabilities. */
  async create(body: ClassificationCreate, { signal }: ReadOptions = {}): Promise<Classification> {
    return this.connection.json('POST', '/v1/classifications', classification, { json: body, signal });
  }
}
