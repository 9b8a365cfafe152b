import { Controller, Delete, Get, Inject, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { modelList, modelObject } from '#contracts/http/models.js';
import { objectId, deleted } from '#contracts/http/pages.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { ModelsService } from './models.service.js';

@ApiTags('models')
@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(ModelsService) private readonly models: ModelsService) {}

  @Get()
  @Endpoint({ summary: 'List base models and fine-tuned models', answer: modelList })
  list(@ProjectId() project: string) {
    return this.models.list(project);
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a model', answer: modelObject })
  get(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.models.get(project, id);
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete a fine-tuned model', answer: deleted })
  delete(@ProjectId() project: string, @Param('id', { schema: objectId }) id: string) {
    return this.models.delete(project, id);
  }
}
