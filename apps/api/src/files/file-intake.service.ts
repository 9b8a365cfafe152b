import { createReadStream } from 'node:fs';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { DataForm } from '#data/data-form.js';
import type { DatasetSummary } from '#data/dataset.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { newId } from '#platform/ids.js';
import { keySegment } from '#platform/objects/object-keys.js';
import type { Platform } from '#platform/platform.js';
import { Planner } from '../planner/planner.service.js';
import { PLATFORM } from '../tokens.js';

/** A whole file on this disk, and what was said of it. */
export interface IncomingFile {
  readonly path: string;
  readonly filename: string;
  /** Seconds that it is kept; null for ever. */
  readonly expiresAfter: number | null;
  readonly form: DataForm | null;
}

export interface Settled<T> {
  readonly answer: T;
  /** Whether a row names the file now. */
  readonly isKept: boolean;
}

/** Writes the row of a file in a transaction. */
export type InsertFile = (manager: EntityManager) => Promise<StoredFile>;

/** Training files checked and kept, however they came. */
@Injectable()
export class FileIntake {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Planner) private readonly planner: Planner,
  ) {}

  /**
   * Checks a file and keeps it if `settle` writes its row; otherwise nothing of it stays in the store. Throws what the
   * check, the store and `settle` throw.
   */
  async take<T>(
    projectId: string,
    file: IncomingFile,
    {
      settle,
      signal,
    }: {
      readonly settle: (insert: InsertFile, summary: DatasetSummary) => Promise<Settled<T>>;
      readonly signal: AbortSignal;
    },
  ): Promise<T> {
    const { path, filename: name, form } = file;
    const summary = await this.planner.checkData(projectId, { file: path, name, form }, signal);
    const { objects } = this.platform;
    const id = newId('file');
    const written = await objects.put(`files/${id}/${keySegment(name)}`, createReadStream(path));
    let isKept = false;
    try {
      const insert = (manager: EntityManager) =>
        insertFile(manager, {
          ...rowOf(file, summary),
          id,
          projectId,
          objectKey: written.key,
          bytes: written.bytes,
        });
      const settled = await settle(insert, summary);
      isKept = settled.isKept;
      return settled.answer;
    } finally {
      if (!isKept) await objects.delete(written.key);
    }
  }
}

async function insertFile(
  manager: EntityManager,
  {
    expiresAfter,
    ...row
  }: ReturnType<typeof rowOf> & Pick<StoredFile, 'id' | 'projectId' | 'objectKey' | 'bytes'>,
): Promise<StoredFile> {
  await manager.insert(StoredFile, {
    ...row,
    purpose: 'fine-tune',
    ...(expiresAfter === null ? {} : { expiresAt: () => `now() + make_interval(secs => ${expiresAfter})` }),
  });
  return manager.findOneByOrFail(StoredFile, { id: row.id });
}

function rowOf({ filename, expiresAfter, form }: IncomingFile, summary: DatasetSummary) {
  const { format, kind, rows, unknownFields, warnings, sha256 } = summary;
  const report = { format, kind, rows, unknown_fields: unknownFields, warnings, ...(form ? { form } : {}) };
  return { filename, sha256, report, expiresAfter };
}
