import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import { IsNull } from 'typeorm';
import type { z } from 'zod';
import type { DatasetSummary } from '#data/dataset.js';
import type { FileObject, fileListQuery } from '#contracts/http/files.js';
import type { Deleted, Page } from '#contracts/http/pages.js';
import { answerOnce } from '#jobs/idempotency.js';
import { everyFileOf, filesOf } from '#jobs/stored-files.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import type { Platform } from '#platform/platform.js';
import { notFound } from '../errors/api-error.js';
import type { Download } from '../http/downloads.js';
import { digestOfRequest } from '../http/idempotency.js';
import { keysetPage } from '../http/keyset-page.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';
import { receiveUpload, toDisk } from '../intake/receive-upload.js';
import { SpoolFolder, spoolRoot } from '../intake/spool-folder.js';
import { FileIntake, type InsertFile, type Settled } from './file-intake.service.js';
import { viewFile } from './file-view.js';
import { freeSoon } from './free-soon.js';
import { checkUploadField, readDataForm, readUploadFields, uploadFields } from './upload-fields.js';

/** Training files: taken in, checked, listed, handed out, deleted. */
@Injectable()
export class FilesService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
    @Inject(FileIntake) private readonly intake: FileIntake,
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
      write: toDisk(path),
      maxBytes: maxFileBytes,
      tooLargeFix: 'send it in parts (/v1/uploads), or split it',
      fields: uploadFields,
      onField: checkUploadField,
      lookEarly: (name, stop, early) =>
        this.planner.checkDataHead(projectId, { file: path, name, form: readDataForm(early) }, stop),
    });
    const expiresAfter = readUploadFields(fields);
    const form = readDataForm(fields);
    const said = [expiresAfter, form].filter((value) => value !== null);
    const settle = async (insert: InsertFile, { sha256 }: DatasetSummary): Promise<Settled<FileObject>> => {
      const { database } = this.platform;
      if (idempotencyKey === undefined) {
        return { answer: viewFile(await database.transaction(insert)), isKept: true };
      }
      const digest = digestOfRequest('POST /v1/files', [filename, sha256, ...said]);
      const { body, replayed } = await answerOnce(
        database,
        { projectId, key: idempotencyKey, digest },
        async (manager) => ({ status: 200, body: viewFile(await insert(manager)) }),
      );
      return { answer: body as unknown as FileObject, isKept: !replayed };
    };
    // Before the folder goes.
    return await this.intake.take(projectId, { path, filename, expiresAfter, form }, { settle, signal });
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
}
