import { Controller, Get, Header, Inject, Param, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { Visitor } from '#jobs/shares.js';
import { type Download, Downloading } from '../http/downloads.js';
import { Endpoint } from '../http/endpoint.js';
import { Public } from '../keys/public.js';
import { sharePagePolicy } from './share-page.js';
import { SharesService } from './shares.service.js';
import { objectId } from '#contracts/http/pages.js';

/** What a link opens: one page and the files, and nothing else. */
@ApiTags('links')
@Controller('s')
@Public()
export class LinksController {
  constructor(@Inject(SharesService) private readonly shares: SharesService) {}

  @Get(':token')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('cache-control', 'no-store')
  @Header('content-security-policy', sharePagePolicy)
  @Endpoint({ summary: 'The page of a link', produces: 'text/html', isPublic: true })
  page(@Param('token', { schema: objectId }) token: string, @Req() request: Request) {
    return this.shares.page(token, visitorOf(request));
  }

  @Get(':token/files/:name')
  @Header('cache-control', 'no-store')
  @Endpoint({
    summary: 'A file of a link',
    produces: 'application/octet-stream',
    isFile: true,
    isPublic: true,
  })
  file(
    @Param('token', { schema: objectId }) token: string,
    @Param('name', { schema: objectId }) name: string,
    @Req() request: Request,
    @Downloading() download: Download,
  ) {
    return this.shares.file(token, name, visitorOf(request), download);
  }
}

function visitorOf(request: Request): Visitor {
  return { address: request.ip ?? null, userAgent: request.headers['user-agent'] ?? null };
}
