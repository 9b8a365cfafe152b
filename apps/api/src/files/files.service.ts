import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import { type EntityManager, IsNull } from 'typeorm';
import type { z } from 'zod';
import type { DataForm } from '#data/data-form.js';
import type { DatasetSummary } from '#data/dataset.js';
import type { FileObject, fileListQuery } from '#contracts/http/files.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { answerOnce } from '#jobs/idempotency.js';
import { everyFileOf, filesOf } from '#jobs/stored-files.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { newId } from '#platform/ids.js';
import { keySegment } from '#platform/objects/object-keys.js';
import type { WrittenObject } from '#platform/objects/object-store.js';
import type { Platform } from '#platform/platform.js';
import { notFound } from '../errors/api-error.js';
import type { Download } from '../http/downloads.js';
import { digestOfRequest } from '../http/idempotency.js';
import { keysetPage } from '../http/keyset-page.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { receiveUpload } from '../uploads/receive-upload.js';
import { SpoolFolder, spoolRoot } from '../uploads/spool-folder.js';
import { viewFile } from './file-view.js';
import { freeSoon } from './free-soon.js';
import { checkUploadField, readDataForm, readUploadFields, uploadFields } from './upload-fields.js';

/** Training files: taken in, checked, listed, handed out, deleted. */
@Injectable()
export class FilesService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
  ) {}

  /** Takes a file in. One that is refused leaves nothing behind, neither on the disk nor in the store. */
  async upload(
    projectId: string,
    request: IncomingMessage,
    signal: AbortSignal,
    idempotencyKey?: string,
  ): Promise<FileObject> {
    const { home, maxFileBytes } = this.platform.configuration;
    await using spool = await SpoolFolder.make(spoolRoot(home));
    const path = spool.file('data');
    const { fields, filename } = await receiveUpload(request, {
      path,
      maxBytes: maxFileBytes,
      fields: uploadFields,
      onField: checkUploadField,
      lookEarly: (name, stop, early) =>
        this.planner.checkDataHead(projectId, { file: path, name, form: readDataForm(early) }, stop),
    });
    const expiresAfter = readUploadFields(fields);
    const form = readDataForm(fields);
    const summary = await this.planner.checkData(projectId, { file: path, name: filename, form }, signal);
    // Before the folder goes.
    return await this.keep(projectId, { path, filename, expiresAfter, form, summary }, idempotencyKey);
  }

  async list(projectId: string, query: z.output<typeof fileListQuery>): Promise<Page<FileObject>> {
    const { manager } = this.platform.database;
    const rows = filesOf(manager, projectId);
    if (query.purpose !== undefined) rows.andWhere('file.purpose = :purpose', { purpose: query.purpose });
    return keysetPage(rows, everyFileOf(manager, projectId), query, viewFile);
  }

  async get(projectId: string, id: string): Promise<FileObject> {
    return viewFile(await this.find(projectId, id));
  }

  async content(projectId: string, id: string, download: Download): Promise<StreamableFile | undefined> {
    const file = await this.find(projectId, id);
    const { objectKey: key, bytes, sha256, filename, createdAt } = file;
    const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`;
    return download.answer(
      {
        pieces: [key === null ? await this.ownContent(file) : { key, bytes, sha256 }],
        modifiedAt: createdAt,
        disposition,
      },
      this.platform,
    );
  }

  /** The bytes go at once, or when no job needs them any more. */
  async delete(projectId: string, id: string): Promise<Deleted> {
    await this.find(projectId, id);
    const { affected } = await this.platform.database.manager.update(
      StoredFile,
      { id, deletedAt: IsNull() },
      { deletedAt: () => 'now()' },
    );
    if (affected === 0) throw notFound('file', id);
    await freeSoon(this.platform, id);
    return { id, object: 'file', deleted: true };
  }

  /** Of a file that lies in its row. */
  private async ownContent({ id }: StoredFile): Promise<Buffer> {
    const rows = await this.platform.database.query<{ content: Buffer | null }[]>(
      'SELECT content FROM stored_file WHERE id = $1',
      [id],
    );
    const content = rows[0]?.content;
    if (!content) throw notFound('file', id);
    return content;
  }

  private async find(projectId: string, id: string): Promise<StoredFile> {
    const { manager } = this.platform.database;
    const file = await filesOf(manager, projectId).andWhere('file.id = :id', { id }).getOne();
    if (!file) throw notFound('file', id);
    return file;
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
      createReadStream(checked.path),
    );
    let isKept = false;
    try {
      const insert = (manager: EntityManager) => insertFile(manager, { projectId, id, written, ...checked });
      if (idempotencyKey === undefined) {
        const file = await database.transaction(insert);
        isKept = true;
        return viewFile(file);
      }
      const { filename, summary, expiresAfter, form } = checked;
      const said = [expiresAfter, form].filter((value) => value !== null);
      const request = [filename, summary.sha256, ...said];
      const digest = digestOfRequest('POST /v1/files', request);
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
  readonly path: string;
  readonly filename: string;
  /** Seconds; null for never. */
  readonly expiresAfter: number | null;
  /** What was said of the file. */
  readonly form: DataForm | null;
  readonly summary: DatasetSummary;
}

async function insertFile(
  manager: EntityManager,
  {
    projectId,
    id,
    written,
    filename,
    expiresAfter,
    form,
    summary,
  }: CheckedUpload & { projectId: string; id: string; written: WrittenObject },
): Promise<StoredFile> {
  const { format, kind, rows, unknownFields, warnings } = summary;
  await manager.insert(StoredFile, {
    id,
    projectId,
    filename,
    purpose: 'fine-tune',
    bytes: written.bytes,
    sha256: written.sha256,
    objectKey: written.key,
    report: { format, kind, rows, unknown_fields: unknownFields, warnings, ...(form ? { form } : {}) },
    ...(expiresAfter === null ? {} : { expiresAt: () => `now() + make_interval(secs => ${expiresAfter})` }),
  });
  return manager.findOneByOrFail(StoredFile, { id });
}
