import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { ApiKeys } from '#jobs/api-keys.js';
import { isLoopback } from '#platform/config.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';
import { setCaller } from './caller.js';
import { requireOwnOrigin } from './own-origin.js';
import { IS_PUBLIC } from './public.js';

/** Finds out whose request it is. Without keys a server that only its own machine reaches is open to that machine. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly isLocal: boolean;
  private readonly origins: readonly string[];

  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(ApiKeys) private readonly keys: ApiKeys,
    @Inject(PLATFORM) { configuration }: Platform,
  ) {
    this.isLocal = isLoopback(configuration.host);
    this.origins = configuration.corsOrigins;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const isPublic = this.reflector.getAllAndOverride<boolean | undefined>(IS_PUBLIC, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const secret = bearerOf(request.headers.authorization);
    const caller = await this.keys.identify(secret, { isOpen: this.isLocal });
    if (!caller) throw unauthorised(secret);
    // A key proves that the request was meant; without one it may be a web page's doing.
    if (!caller.hasKey) requireOwnOrigin(request, this.origins);
    setCaller(request, caller);
    return true;
  }
}

function bearerOf(header: string | undefined): string | null {
  return /^Bearer\s+(\S{1,200})$/i.exec(header ?? '')?.[1] ?? null;
}

function unauthorised(secret: string | null): ApiError {
  const message =
    secret === null
      ? 'this server needs an API key: send "Authorization: Bearer lr-..."; `lowrank keys create` makes one'
      : 'the API key is not known here, or was revoked; `lowrank keys create` makes one';
  return new ApiError('invalid_api_key', message);
}
