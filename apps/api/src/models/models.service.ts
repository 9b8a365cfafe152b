import { Inject, Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import type { ModelObject } from '#contracts/http/models.js';
import type { Deleted } from '#contracts/http/pages.js';
import { currentVersion } from '#jobs/base-model-versions.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { BaseModel } from '#platform/database/entities/base-model.js';
import type { Platform } from '#platform/platform.js';
import { AdaptersService } from '../adapters/adapters.service.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';
import { BaseModels } from './base-models.js';
import { shownOfTuned, viewBaseModel, viewTunedModel } from './model-view.js';
import { isLent } from './tuned-models.js';

/** Models that jobs can name: base models, and what a project's jobs made of them. */
@Injectable()
export class ModelsService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(AdaptersService) private readonly adapters: AdaptersService,
    @Inject(BaseModels) private readonly bases: BaseModels,
  ) {}

  async list(projectId: string): Promise<{ object: 'list'; data: ModelObject[] }> {
    const { manager } = this.platform.database;
    const bases = await manager.find(BaseModel, { where: { replacedAt: IsNull() }, order: { name: 'ASC' } });
    const adapters = await this.usable(projectId)
      .select(shownOfTuned.map((column) => `adapter.${column}`))
      .orderBy('adapter.createdAt', 'DESC')
      .addOrderBy('adapter.id', 'DESC')
      .getMany();
    const viewed = await Promise.all(bases.map((base) => this.viewBase(base)));
    return { object: 'list', data: [...viewed, ...adapters.map(viewTunedModel)] };
  }

  async get(projectId: string, id: string): Promise<ModelObject> {
    const base = await currentVersion(this.platform.database.manager, id);
    return base ? await this.viewBase(base) : viewTunedModel(await this.findUsable(projectId, id));
  }

  async delete(projectId: string, id: string): Promise<Deleted> {
    if (await currentVersion(this.platform.database.manager, id)) {
      const message = `${id} is a base model: only fine-tuned models are deleted here; an administrator removes it with DELETE /v1/base_models/NAME`;
      throw new ApiError('model_is_base', message, { param: 'id' });
    }
    const adapter = await this.findTuned(projectId, id);
    await this.adapters.delete(projectId, adapter.id);
    return { id, object: 'model', deleted: true };
  }

  private async viewBase(base: BaseModel): Promise<ModelObject> {
    return viewBaseModel(base, await this.bases.hasChatTemplate(base));
  }

  /** Adapters of a project, and those that others let it use. */
  private usable(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Adapter, 'adapter')
      .where(`(adapter.projectId = :projectId OR ${isLent(':projectId')})`, { projectId })
      .andWhere('adapter.deletedAt IS NULL');
  }

  private async findUsable(projectId: string, name: string): Promise<Adapter> {
    const adapter = await this.usable(projectId).andWhere('adapter.name = :name', { name }).getOne();
    if (!adapter) throw notFound('model', name);
    return adapter;
  }

  private async findTuned(projectId: string, name: string): Promise<Adapter> {
    const adapter = await this.platform.database.manager.findOneBy(Adapter, {
      name,
      projectId,
      deletedAt: IsNull(),
    });
    if (!adapter) throw notFound('model', name);
    return adapter;
  }
}
