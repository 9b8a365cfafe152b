import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import {
  maxPartBytes,
  maxParts,
  type UploadComplete,
  type UploadCreate,
  type UploadObject,
  type UploadPartObject,
} from '#contracts/http/uploads.js';
import { mergedForm } from '#data/data-form.js';
import { filesOf } from '#jobs/stored-files.js';
import { freeParts, partKey, uploadSeconds, uploadStatus } from '#jobs/uploads.js';
import { UploadPart } from '#platform/database/entities/upload-part.js';
import { Upload } from '#platform/database/entities/upload.js';
import { newId } from '#platform/ids.js';
import type { WrittenObject } from '#platform/objects/object-store.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { FileIntake, type InsertFile, type Settled } from '../files/file-intake.service.js';
import { viewFile } from '../files/file-view.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { receiveUpload, soundName } from '../intake/receive-upload.js';
import { SpoolFolder, spoolRoot } from '../intake/spool-folder.js';
import { PLATFORM } from '../tokens.js';
import { joinParts } from './join-parts.js';

/** Files that come in parts. The parts lie in the object store until the file is whole, so any API process takes any of them. */
@Injectable()
export class UploadsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(FileIntake) private readonly intake: FileIntake,
  ) {}

  async create(projectId: string, request: UploadCreate): Promise<UploadObject> {
    const { filename, bytes, expires_after: expiry, format, columns } = request;
    const { maxUploadBytes } = this.platform.configuration;
    if (bytes > maxUploadBytes) {
      const message = `bytes: ${bytes} is more than ${maxUploadBytes}, the limit of this server: split the file`;
      throw new ApiError('file_too_large', message, { param: 'bytes' });
    }
    const { manager } = this.platform.database;
    const id = newId('upload');
    await manager.insert(Upload, {
      id,
      projectId,
      filename: soundName(filename),
      bytes,
      form: mergedForm({ format, columns }, null),
      keptSeconds: expiry?.seconds ?? null,
      expiresAt: () => `now() + make_interval(secs => ${uploadSeconds})`,
    });
    return this.view(await manager.findOneByOrFail(Upload, { id }));
  }

  /** Takes a part in. One that is cut off or comes too late leaves nothing behind. */
  async addPart(projectId: string, uploadId: string, request: IncomingMessage): Promise<UploadPartObject> {
    requireOpen(await this.find(projectId, uploadId));
    const { objects, database } = this.platform;
    const id = newId('part');
    const key = partKey(uploadId, id);
    let written: WrittenObject | undefined;
    let isKept = false;
    try {
      await receiveUpload(request, {
        fileField: 'data',
        fields: [],
        maxBytes: maxPartBytes,
        tooLargeFix: 'send smaller parts',
        write: async (content, signal) => (written = await objects.put(key, content, { signal })),
      });
      const part = await database.transaction(async (manager) =>
        insertPart(manager, uploadId, { id, ...written! }),
      );
      isKept = true;
      const { createdAt } = part;
      return { id, object: 'upload.part', created_at: unixSeconds(createdAt), upload_id: uploadId };
    } finally {
      if (written && !isKept) await objects.delete(key);
    }
  }

  /** Makes the file. The same request once more is answered the same; nothing is done by halves if it breaks off. */
  async complete(
    projectId: string,
    id: string,
    { part_ids: partIds, md5 }: UploadComplete,
    signal: AbortSignal,
  ): Promise<UploadObject> {
    const upload = await this.find(projectId, id);
    if (isDone(upload, partIds)) return this.view(upload);
    requireOpen(upload);
    const { objects, database, configuration } = this.platform;
    const parts = await this.partsOf(upload, partIds);
    await using spool = await SpoolFolder.make(spoolRoot(configuration.home));
    const path = spool.file('data');
    const found = await joinParts(objects, parts, path, signal);
    if (md5 !== undefined && md5.toLowerCase() !== found) {
      throw mismatch('md5', `the parts in this order have ${found}: send them again, or put them in order`);
    }
    const settle = async (insert: InsertFile): Promise<Settled<boolean>> => {
      const isKept = await database.transaction(async (manager) => {
        const { state } = await locked(manager, id);
        if (state !== 'pending') return false;
        const { id: fileId } = await insert(manager);
        await manager.update(Upload, { id }, { state: 'completed', partIds, fileId });
        return true;
      });
      return { answer: isKept, isKept };
    };
    const { filename, keptSeconds: expiresAfter, form } = upload;
    const file = { path, filename, expiresAfter, form };
    const isNew = await this.intake.take(projectId, file, { settle, signal });
    const now = await this.find(projectId, id);
    // Another request was faster.
    if (!isNew && !isDone(now, partIds)) requireOpen(now);
    await this.freeSoon(id);
    return this.view(now);
  }

  async cancel(projectId: string, id: string): Promise<UploadObject> {
    await this.find(projectId, id);
    const upload = await this.platform.database.transaction(async (manager) => {
      const row = await locked(manager, id);
      if (row.state === 'cancelled') return row;
      requireOpen(row);
      row.state = 'cancelled';
      return manager.save(row);
    });
    await this.freeSoon(id);
    return this.view(upload);
  }

  /** The parts as they are named, in order. Throws ApiError where they are not the file that was announced. */
  private async partsOf({ id: uploadId, bytes }: Upload, ids: readonly string[]): Promise<UploadPart[]> {
    const rows = await this.platform.database.manager.findBy(UploadPart, { uploadId, id: In([...ids]) });
    const known = new Map(rows.map((row) => [row.id, row]));
    const parts = ids.map((id, i) => {
      const part = known.get(id);
      const param = `part_ids.${i}`;
      if (!part) throw mismatch(param, `the upload ${uploadId} has no part ${id}`);
      if (ids.indexOf(id) !== i) throw mismatch(param, `the part ${id} is there twice`);
      return part;
    });
    const sum = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (sum === bytes) return parts;
    throw mismatch('part_ids', `the parts have ${sum} bytes together, and the upload was to have ${bytes}`);
  }

  private async find(projectId: string, id: string): Promise<Upload> {
    const upload = await this.platform.database.manager.findOneBy(Upload, { id, projectId });
    if (!upload) throw notFound('upload', id);
    return upload;
  }

  /** Workers look again every minute. */
  private async freeSoon(id: string): Promise<void> {
    try {
      await freeParts(this.platform.objects, id);
    } catch (err) {
      this.platform.log.warn({ err, id }, 'parts of an upload are freed later');
    }
  }

  private async view(upload: Upload): Promise<UploadObject> {
    const { id, projectId, bytes, filename, createdAt, expiresAt, fileId } = upload;
    const { manager } = this.platform.database;
    const file =
      fileId === null
        ? null
        : await filesOf(manager, projectId).andWhere('file.id = :fileId', { fileId }).getOne();
    return {
      id,
      object: 'upload',
      bytes,
      created_at: unixSeconds(createdAt),
      expires_at: unixSeconds(expiresAt),
      filename,
      purpose: 'fine-tune',
      status: uploadStatus(upload),
      file: file && viewFile(file),
    };
  }
}

/** Only one that takes parts keeps them; a client that sends them again and again does not fill the store. */
async function insertPart(
  manager: EntityManager,
  uploadId: string,
  { id, key: objectKey, bytes, sha256 }: WrittenObject & { readonly id: string },
): Promise<UploadPart> {
  const upload = await locked(manager, uploadId);
  requireOpen(upload);
  const [had] = await manager.query<[{ count: number; bytes: number }]>(
    'SELECT count(*)::int AS count, coalesce(sum(bytes), 0)::float8 AS bytes FROM upload_part WHERE upload_id = $1',
    [uploadId],
  );
  // Parts whose answer was lost are there twice.
  if (had.count >= maxParts || had.bytes + bytes > 2 * upload.bytes + maxPartBytes) {
    const problem = `has ${had.count} parts of ${had.bytes} bytes, and was to have ${upload.bytes} bytes`;
    throw mismatch('data', `the upload ${uploadId} ${problem}: complete it, or begin a new one`);
  }
  await manager.insert(UploadPart, { id, uploadId, bytes, sha256, objectKey });
  return manager.findOneByOrFail(UploadPart, { id });
}

function locked(manager: EntityManager, id: string): Promise<Upload> {
  return manager.findOneOrFail(Upload, { where: { id }, lock: { mode: 'pessimistic_write' } });
}

const isDone = ({ state, partIds }: Upload, asked: readonly string[]) =>
  state === 'completed' && partIds?.join() === asked.join();

/** Throws ApiError `upload_closed`. */
function requireOpen(upload: Upload): void {
  const status = uploadStatus(upload);
  if (status === 'pending') return;
  const what = status === 'expired' ? 'has expired' : `is ${status}`;
  throw new ApiError('upload_closed', `the upload ${upload.id} ${what}: begin a new one`, { param: 'id' });
}

const mismatch = (param: string, message: string) =>
  new ApiError('upload_mismatch', `${param}: ${message}`, { param });
