import { Body, Controller, Inject, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import {
  classification,
  classificationCreate,
  maxClassificationBytes,
  type ClassificationRequest,
} from '#contracts/http/classifications.js';
import { Endpoint } from '../http/endpoint.js';
import { LongestJson } from '../http/json-body.js';
import { ProjectId } from '../keys/caller.js';
import { ClassificationsService } from './classifications.service.js';

@ApiTags('classifications')
@Controller('v1/classifications')
export class ClassificationsController {
  constructor(@Inject(ClassificationsService) private readonly classifications: ClassificationsService) {}

  @Post()
  @LongestJson(maxClassificationBytes)
  @Endpoint({
    summary:
      'Classify texts or images by a model with a classification head, an adapter or weighted adapters',
    answer: classification,
  })
  classify(
    @ProjectId() project: string,
    @Body({ schema: classificationCreate }) request: ClassificationRequest,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.classifications.classify(project, request, response);
  }
}
