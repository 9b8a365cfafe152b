import { Body, Controller, Inject, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import {
  chatCompletion,
  chatCompletionCreate,
  type ChatCompletionRequest,
  completionCreate,
  type CompletionRequest,
  textCompletion,
} from '#contracts/http/completions.js';
import { Endpoint } from '../http/endpoint.js';
import { ProjectId } from '../keys/caller.js';
import { CompletionsService } from './completions.service.js';

@ApiTags('completions')
@Controller('v1')
export class CompletionsController {
  constructor(@Inject(CompletionsService) private readonly completions: CompletionsService) {}

  @Post('chat/completions')
  @Endpoint({
    summary: 'Answer a chat by a model, an adapter or weighted adapters, whole or as server-sent events',
    answer: chatCompletion,
  })
  chat(
    @ProjectId() project: string,
    @Body({ schema: chatCompletionCreate }) request: ChatCompletionRequest,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.completions.chat(project, request, response);
  }

  @Post('completions')
  @Endpoint({
    summary: 'Go on with a text by a model, an adapter or weighted adapters, whole or as server-sent events',
    answer: textCompletion,
  })
  complete(
    @ProjectId() project: string,
    @Body({ schema: completionCreate }) request: CompletionRequest,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.completions.complete(project, request, response);
  }
}
