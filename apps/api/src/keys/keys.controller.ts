import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { callerObject, type CallerObject, keyList, type KeyObject } from '#contracts/http/keys.js';
import { ApiKeys, type Caller } from '#jobs/api-keys.js';
import { Endpoint } from '../http/endpoint.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { RequestCaller } from './caller.js';

/** Keys are made and revoked at the database only. */
@ApiTags('keys')
@Controller('v1')
export class KeysController {
  constructor(@Inject(ApiKeys) private readonly keys: ApiKeys) {}

  @Get('keys')
  @Endpoint({
    summary: 'List all API keys, revoked ones too, without their secrets',
    answer: keyList,
    isAdmin: true,
  })
  async list(): Promise<{ object: 'list'; data: KeyObject[] }> {
    return { object: 'list', data: (await this.keys.list()).map(viewKey) };
  }

  @Get('caller')
  @Endpoint({ summary: 'Tell which project and role the request has', answer: callerObject })
  caller(@RequestCaller() { projectId, role, keyId }: Caller): CallerObject {
    return { object: 'caller', role, project: projectId, key: keyId };
  }
}

function viewKey({
  id,
  name,
  role,
  projectId,
  prefix,
  createdAt,
  revokedAt,
}: Awaited<ReturnType<ApiKeys['list']>>[number]): KeyObject {
  return {
    id,
    object: 'api_key',
    name,
    role,
    project: projectId,
    prefix,
    created_at: unixSeconds(createdAt),
    revoked_at: revokedAt && unixSeconds(revokedAt),
  };
}
