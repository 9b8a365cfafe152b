import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import { type DatasetSummary, validateDataset } from '#data/dataset.js';
import type { FileObject, fileListQuery } from '#contracts/http/files.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { answerOnce } from '#jobs/idempotency.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { newId } from '#platform/ids.js';
import { keySegment } from '#platform/objects/object-keys.js';
import type { WrittenObject } from '#platform/objects/object-store.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import type { Download } from '../http/downloads.js';
import { digestOfRequest } from '../http/idempotency.js';
import { keysetPage } from '../http/keyset-page.js';
import { PLATFORM } from '../tokens.js';
import { receiveUpload } from '../uploads/receive-upload.js';
import { SpoolFolder, spoolRoot } from '../uploads/spool-folder.js';
import { viewFile } from './file-view.js';

/** Training files: taken in, checked, listed, handed out, deleted. */
@Injectable()
export class FilesService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  /** Takes a file in. One that is refused leaves nothing behind, neither on the disk nor in the store. */
  async upload(projectId: string, request: IncomingMessage, idempotencyKey?: string): Promise<FileObject> {
    const { home, maxFileBytes } = this.platform.configuration;
    await using spool = await SpoolFolder.make(spoolRoot(home));
    const place = spool.file('data');
    let summary: DatasetSummary | undefined;
    const { fields, filename } = await receiveUpload(request, {
      place,
      maxBytes: maxFileBytes,
      fields: ['purpose'],
      onField: (_, value) => requireFineTune(value),
      check: async (content, name) => {
        summary = await validateDataset(content, { name });
      },
    });
    requireFineTune(fields.get('purpose'));
    // Before the folder goes.
    return await this.keep(projectId, { place, filename, summary: summary! }, idempotencyKey);
  }

  async list(projectId: string, query: z.output<typeof fileListQuery>): Promise<Page<FileObject>> {
    const rows = this.files(projectId);
    if (query.purpose !== undefined) rows.andWhere('row.purpose = :purpose', { purpose: query.purpose });
    return keysetPage(rows, this.owned(projectId), query, viewFile);
  }

  async get(projectId: string, id: string): Promise<FileObject> {
    return viewFile(await this.find(projectId, id));
  }

  async content(projectId: string, id: string, download: Download): Promise<StreamableFile | undefined> {
    const { objectKey: key, bytes, sha256, filename, createdAt } = await this.find(projectId, id);
    const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`;
    return download.answer(
      { pieces: [{ key, bytes, sha256 }], modifiedAt: createdAt, disposition },
      this.platform,
    );
  }

  /** The bytes go when no job needs them any more. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    const { affected } = await this.platform.database.manager
      .createQueryBuilder()
      .update(StoredFile)
      .set({ deletedAt: () => 'now()' })
      .where('id = :id AND project_id = :projectId AND deleted_at IS NULL', { id, projectId })
      .execute();
    if (affected === 0) throw notFound('file', id);
    return { id, object: 'file', deleted: true };
  }

  private files(projectId: string) {
    return this.owned(projectId).andWhere('row.deletedAt IS NULL');
  }

  private owned(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(StoredFile, 'row')
      .where('row.projectId = :projectId', { projectId });
  }

  private async find(projectId: string, id: string): Promise<StoredFile> {
    return (
      (await this.files(projectId).andWhere('row.id = :id', { id }).getOne()) ??
      Promise.reject(notFound('file', id))
    );
  }

  private async keep(
    projectId: string,
    checked: CheckedUpload,
    idempotencyKey?: string,
  ): Promise<FileObject> {
    const { objects, database } = this.platform;
    const id = newId('file');
    const written = await objects.put(
      `files/${id}/${keySegment(checked.filename)}`,
      createReadStream(checked.place),
    );
    let isKept = false;
    try {
      const insert = (manager: EntityManager) => insertFile(manager, { projectId, id, written, ...checked });
      if (idempotencyKey === undefined) {
        const file = await database.transaction(insert);
        isKept = true;
        return viewFile(file);
      }
      const { filename, summary } = checked;
      const digest = digestOfRequest('POST /v1/files', [filename, summary.sha256]);
      const answer = await answerOnce(
        database,
        { projectId, key: idempotencyKey, digest },
        async (manager) => ({
          status: 200,
          body: viewFile(await insert(manager)),
        }),
      );
      isKept = !answer.replayed;
      return answer.body as unknown as FileObject;
    } finally {
      if (!isKept) await objects.delete(written.key);
    }
  }
}

interface CheckedUpload {
  readonly place: string;
  readonly filename: string;
  readonly summary: DatasetSummary;
}

async function insertFile(
  manager: EntityManager,
  {
    projectId,
    id,
    written,
    filename,
    summary,
  }: CheckedUpload & { projectId: string; id: string; written: WrittenObject },
): Promise<StoredFile> {
  const { kind, rows, unknownFields } = summary;
  await manager.insert(StoredFile, {
    id,
    projectId,
    filename,
    purpose: 'fine-tune',
    bytes: written.bytes,
    sha256: written.sha256,
    objectKey: written.key,
    report: { kind, rows, unknown_fields: unknownFields },
  });
  return manager.findOneByOrFail(StoredFile, { id });
}

function requireFineTune(purpose: string | undefined): void {
  if (purpose === 'fine-tune') return;
  const message =
    purpose === undefined
      ? 'purpose: is missing; give "fine-tune"'
      : `purpose: ${JSON.stringify(purpose.slice(0, 64))} is not served here; only files for "fine-tune" are taken`;
  throw new ApiError('invalid_request', message, { param: 'purpose' });
}
