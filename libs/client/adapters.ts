/** Adapters: found, read, deleted. */
import { LowrankError } from '#base/errors.js';
import { type AdapterObject, adapterObject, adapterPage } from '#contracts/http/adapters.js';
import { type Deleted, deleted, type Page } from '#contracts/http/pages.js';
import type { Connection } from './connection.js';
import { download, type DownloadOptions } from './download.js';
import { eachOf, type PageQuery, readPage, type ReadOptions } from './pages.js';
import type { UploadProgress } from './transport.js';

const adaptersPath = '/v1/adapters';

interface AdapterQuery extends PageQuery {
  /** Name of a base model: only the adapters of it. */
  readonly model?: string;
}

interface ImportOptions extends ReadOptions {
  /** Name of the base model, where the file does not tell it. */
  readonly model?: string | undefined;
  /** Part of the adapter's name. */
  readonly suffix?: string | undefined;
  readonly onProgress?: (progress: UploadProgress) => void;
}

export class AdaptersClient {
  constructor(private readonly connection: Connection) {}

  /** A PEFT folder as .tar, .tar.gz or .zip, or a .safetensors of kohya's form. */
  async import(
    content: Blob,
    filename: string,
    { model, suffix, ...options }: ImportOptions = {},
  ): Promise<AdapterObject> {
    const form = new FormData();
    if (model !== undefined) form.set('model', model);
    if (suffix !== undefined) form.set('suffix', suffix);
    form.set('file', content, filename);
    return this.connection.json('POST', adaptersPath, adapterObject, { form, ...options });
  }

  /** By its id. */
  async get(id: string, options: ReadOptions = {}): Promise<AdapterObject> {
    return this.connection.json('GET', pathOf(id), adapterObject, options);
  }

  /** Newest first. */
  async page(query: AdapterQuery = {}, options: ReadOptions = {}): Promise<Page<AdapterObject>> {
    return readPage(this.connection, adaptersPath, adapterPage, query, options);
  }

  /** Newest first. */
  list(query: Omit<AdapterQuery, 'after'> = {}): AsyncGenerator<AdapterObject> {
    return eachOf(this.connection, adaptersPath, adapterPage, { ...query });
  }

  /**
   * Finds an adapter by its id, by the name of its model, by the job that made it, or by the suffix of its name if no
   * other has that. Throws `adapter_not_found` and `adapter_ambiguous`.
   */
  async find(reference: string): Promise<AdapterObject> {
    if (reference.startsWith('adapter-')) return this.get(reference);
    const alike: AdapterObject[] = [];
    for await (const adapter of this.list()) {
      if (adapter.name === reference || adapter.job === reference) return adapter;
      // ft:BASE:PROJECT:SUFFIX:ID
      if (reference !== '' && adapter.name.split(':').at(-2) === reference) alike.push(adapter);
    }
    const [only, ...others] = alike;
    if (only && others.length === 0) return only;
    if (only) {
      throw new LowrankError(
        'adapter_ambiguous',
        `${alike.length} adapters are called ${reference}: give the id of one, ${alike.map(({ id }) => id).join(', ')}`,
        { details: { reference } },
      );
    }
    throw new LowrankError(
      'adapter_not_found',
      `there is no adapter ${reference}: give an id, a job, or a name or its suffix that "lowrank adapters" lists`,
      { details: { reference } },
    );
  }

  /** One file of an adapter. */
  file(id: string, name: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    const path = name.split('/').map(encodeURIComponent).join('/');
    return download(this.connection, `${pathOf(id)}/files/${path}`, options);
  }

  /** All files of an adapter, as a tar file. */
  archive(id: string, options: DownloadOptions = {}): AsyncGenerator<Uint8Array> {
    return download(this.connection, `${pathOf(id)}/archive`, options);
  }

  async delete(id: string): Promise<Deleted> {
    return this.connection.json('DELETE', pathOf(id), deleted);
  }
}

const pathOf = (id: string) => `${adaptersPath}/${encodeURIComponent(id)}`;
