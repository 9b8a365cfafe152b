import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { Job } from '#platform/database/entities/job.js';
import type { Platform } from '#platform/platform.js';
import { adapterArchive } from '../adapters/adapter-archive.js';
import { notFound } from '../errors/api-error.js';
import type { Download } from '../http/downloads.js';
import { PLATFORM } from '../tokens.js';

/** What others can read of a checkpoint; the rest is for going on with the run. */
const adapterFiles = new Set(['adapter_config.json', 'adapter_model.safetensors', 'README.md']);

/** Adapters as they were at a checkpoint, handed out. */
@Injectable()
export class CheckpointArchives {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  async archive(
    projectId: string,
    jobId: string,
    id: string,
    download: Download,
  ): Promise<StreamableFile | undefined> {
    const { manager } = this.platform.database;
    if (!(await manager.existsBy(Job, { id: jobId, projectId }))) throw notFound('fine-tuning job', jobId);
    const checkpoint = await manager.findOneBy(Checkpoint, { id, jobId });
    if (!checkpoint) throw notFound('checkpoint', id);
    const files = checkpoint.files.filter(({ path }) => adapterFiles.has(path));
    return download.answer(adapterArchive(id, { files, createdAt: checkpoint.createdAt }), this.platform);
  }
}
