import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import type { adapterListQuery, AdapterObject } from '#contracts/http/adapters.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { attachment } from '../http/attachment.js';
import type { Download } from '../http/downloads.js';
import { keysetPage } from '../http/keyset-page.js';
import { PLATFORM } from '../tokens.js';
import { freeSoon } from '../files/free-soon.js';
import { adapterArchive } from './adapter-archive.js';
import { knownArchitectures, viewAdapter } from './adapter-view.js';

/** Adapters: listed, handed out, deleted. */
@Injectable()
export class AdaptersService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  async list(projectId: string, query: z.output<typeof adapterListQuery>): Promise<Page<AdapterObject>> {
    const rows = this.adapters(projectId);
    if (query.model !== undefined) rows.andWhere('row.model = :model', { model: query.model });
    const architectures = await this.architectures();
    return keysetPage(rows, this.owned(projectId), query, (adapter) => viewAdapter(adapter, architectures));
  }

  async get(projectId: string, id: string): Promise<AdapterObject> {
    return viewAdapter(await this.find(projectId, id), await this.architectures());
  }

  async file(
    projectId: string,
    id: string,
    name: string,
    download: Download,
  ): Promise<StreamableFile | undefined> {
    const { files, createdAt } = await this.find(projectId, id);
    const file = files.find(({ path }) => path === name);
    if (!file) {
      const names = files.map(({ path }) => path).join(', ');
      throw new ApiError('file_not_found', `the adapter ${id} has no file of this name; it has ${names}`, {
        param: 'name',
      });
    }
    const served = { pieces: [file], modifiedAt: createdAt, disposition: attachment(name) };
    return download.answer(served, this.platform);
  }

  async archive(projectId: string, id: string, download: Download): Promise<StreamableFile | undefined> {
    return download.answer(adapterArchive(id, await this.find(projectId, id)), this.platform);
  }

  /** The bytes go at once, or when no job or task needs them any more. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    const { affected } = await this.platform.database.manager
      .createQueryBuilder()
      .update(Adapter)
      .set({ deletedAt: () => 'now()' })
      .where('id = :id AND project_id = :projectId AND deleted_at IS NULL', { id, projectId })
      .execute();
    if (affected === 0) throw notFound('adapter', id);
    await freeSoon(this.platform, id);
    return { id, object: 'adapter', deleted: true };
  }

  private architectures() {
    return knownArchitectures(this.platform.database.manager);
  }

  private adapters(projectId: string) {
    return this.owned(projectId).andWhere('row.deletedAt IS NULL');
  }

  private owned(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Adapter, 'row')
      .where('row.projectId = :projectId', { projectId });
  }

  private async find(projectId: string, id: string): Promise<Adapter> {
    const adapter = await this.adapters(projectId).andWhere('row.id = :id', { id }).getOne();
    if (!adapter) throw notFound('adapter', id);
    return adapter;
  }
}
