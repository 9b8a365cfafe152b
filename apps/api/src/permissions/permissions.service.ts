import { Inject, Injectable } from '@nestjs/common';
import { In, IsNull } from 'typeorm';
import type { z } from 'zod';
import type { Page } from '#contracts/http/pages.js';
import type {
  PermissionObject,
  permissionListQuery,
  PermissionRequest,
} from '#contracts/http/permissions.js';
import { CheckpointPermission } from '#platform/database/entities/checkpoint-permission.js';
import { Project } from '#platform/database/entities/project.js';
import { newId } from '#platform/ids.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { keysetPage, pageOfRows } from '../http/keyset-page.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { findTunedModel, type TunedModel } from '../models/tuned-models.js';
import { PLATFORM } from '../tokens.js';

/** Which projects may use the models of others. */
@Injectable()
export class PermissionsService {
  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  /** A permission that is there already stays as it is. */
  async create(
    model: string,
    { project_ids: projectIds }: PermissionRequest,
  ): Promise<Page<PermissionObject>> {
    const { manager } = this.platform.database;
    const { id: modelId } = await this.find(model);
    const known = new Set((await manager.findBy(Project, { id: In(projectIds) })).map(({ id }) => id));
    const unknown = projectIds.findIndex((id) => !known.has(id));
    if (unknown >= 0) {
      const param = `project_ids.${unknown}`;
      const message = `${param}: there is no project ${projectIds[unknown]!}; GET /v1/keys lists the projects that have keys`;
      throw new ApiError('invalid_request', message, { param });
    }
    await manager
      .createQueryBuilder()
      .insert()
      .into(CheckpointPermission)
      .values([...known].map((projectId) => ({ id: newId('cp'), modelId, projectId })))
      .orIgnore()
      .execute();
    const rows = await manager.findBy(CheckpointPermission, {
      modelId,
      projectId: In(projectIds),
      deletedAt: IsNull(),
    });
    return pageOfRows(rows.map(viewPermission), false);
  }

  async list(
    model: string,
    { order, project_id: projectId, ...page }: z.output<typeof permissionListQuery>,
  ): Promise<Page<PermissionObject>> {
    const { id: modelId } = await this.find(model);
    const owned = this.platform.database.manager
      .createQueryBuilder(CheckpointPermission, 'row')
      .where('row.modelId = :modelId', { modelId });
    const rows = owned.clone().andWhere('row.deletedAt IS NULL');
    if (projectId !== undefined) rows.andWhere('row.projectId = :projectId', { projectId });
    const direction = order === 'ascending' ? 'asc' : 'desc';
    return keysetPage(rows, owned, { ...page, order: direction }, viewPermission);
  }

  async delete(model: string, id: string) {
    const { id: modelId } = await this.find(model);
    const { affected } = await this.platform.database.manager.update(
      CheckpointPermission,
      { id, modelId, deletedAt: IsNull() },
      { deletedAt: () => 'now()' },
    );
    if (affected === 0) throw notFound('permission', id);
    return { id, object: 'checkpoint.permission' as const, deleted: true };
  }

  private async find(model: string): Promise<TunedModel> {
    const found = await findTunedModel(this.platform.database.manager, model);
    if (!found) throw notFound('model', model);
    return found;
  }
}

function viewPermission({ id, createdAt, projectId }: CheckpointPermission): PermissionObject {
  return {
    id,
    object: 'checkpoint.permission',
    created_at: unixSeconds(createdAt),
    project_id: projectId,
  };
}
