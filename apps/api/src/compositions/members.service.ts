import type { ErrorCode } from '#base/error-codes.js';
import { Inject, Injectable } from '@nestjs/common';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import { MemberFiles } from '#jobs/member-files.js';
import type { TaskMember } from '#jobs/task-kinds/task-kind.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint, type ManifestFile } from '#platform/database/entities/checkpoint.js';
import { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';

/** An adapter, or the adapter in a checkpoint, as a request names it. */
export interface MemberReference {
  readonly adapter?: string;
  readonly checkpoint?: string;
  readonly weight: number;
}

/** A member with the base model that it was trained on. */
export interface FoundMember extends TaskMember {
  readonly model: string;
  readonly baseIdentity: string;
}

const neededFiles: readonly string[] = [ADAPTER_FILES.config, ADAPTER_FILES.weights];
/** What a member brings to the work: the card names the licence of its base, and config.json its classes. */
const usedFiles: readonly string[] = [...neededFiles, ADAPTER_FILES.card, ADAPTER_FILES.model];

/** What compositions and exports are made of, found among a project's adapters and checkpoints. */
@Injectable()
export class Members {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(MemberFiles) private readonly files: MemberFiles,
  ) {}

  /** Throws ApiError 400 with the field, `field` being where the reference stands. */
  async find(projectId: string, reference: MemberReference, field: string): Promise<FoundMember> {
    const { adapter, checkpoint, weight } = reference;
    if ((adapter === undefined) === (checkpoint === undefined)) {
      throw refusal('invalid_request', field, 'name one adapter or one checkpoint');
    }
    const kind = adapter === undefined ? 'checkpoint' : 'adapter';
    const id = (adapter ?? checkpoint)!;
    const param = field === '' ? kind : `${field}.${kind}`;
    const found = await (kind === 'adapter' ? this.adapter(projectId, id) : this.checkpoint(projectId, id));
    if (!found) throw refusal(`${kind}_not_found`, param, `there is no ${kind} ${id}`);
    const { files, model, baseIdentity } = found;
    if (baseIdentity === null) {
      throw refusal('base_unknown', param, `it is not known which base model ${id} was trained on`);
    }
    const used = files.filter(({ path }) => usedFiles.includes(path));
    if (!neededFiles.every((needed) => used.some(({ path }) => path === needed))) {
      throw refusal('adapter_incomplete', param, `${id} lacks ${neededFiles.join(' and ')}`);
    }
    return { id, kind, weight, files: used, model, baseIdentity };
  }

  /** Does something with the folders of members, in their order, which are there for as long as that takes. */
  async withFolders<T>(
    members: readonly FoundMember[],
    signal: AbortSignal,
    work: (folders: readonly MemberFolder[]) => Promise<T>,
  ): Promise<T> {
    using taken = await this.files.take(members, signal);
    // Before they are released.
    return await work(taken.folders);
  }

  private async adapter(projectId: string, id: string): Promise<Found | null> {
    return this.platform.database.manager
      .createQueryBuilder(Adapter, 'adapter')
      .where('adapter.id = :id AND adapter.projectId = :projectId', { id, projectId })
      .andWhere('adapter.deletedAt IS NULL')
      .getOne();
  }

  private async checkpoint(projectId: string, id: string): Promise<Found | null> {
    const { manager } = this.platform.database;
    const row = await manager.findOneBy(Checkpoint, { id });
    const job = row && (await manager.findOneBy(Job, { id: row.jobId, projectId }));
    return job && { files: row.files, model: job.model, baseIdentity: job.baseIdentity };
  }
}

interface Found {
  readonly files: readonly ManifestFile[];
  readonly model: string;
  readonly baseIdentity: string | null;
}

function refusal(code: ErrorCode, param: string, problem: string): ApiError {
  const message = param === '' ? problem : `${param}: ${problem}`;
  return new ApiError(code, message, { param: param || 'adapter', status: 400 });
}
