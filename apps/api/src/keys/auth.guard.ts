import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { ApiKeys } from '#jobs/api-keys.js';
import { isLoopback } from '#platform/config.js';
import type { Platform } from '#platform/platform.js';
import { ApiError } from '../errors/api-error.js';
import { PLATFORM } from '../tokens.js';
import { NEEDS_ADMIN } from './admin-only.js';
import { setCaller } from './caller.js';
import { requireOwnOrigin } from './own-origin.js';
import { IS_PUBLIC } from './public.js';

/** Finds out whose request it is. A server that never had a key and that only its own machine reaches is open to it. */
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
    if (this.isMarked(IS_PUBLIC, context)) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const secret = bearerOf(request.headers.authorization);
    const caller = await this.keys.identify(secret, { isOpen: this.isLocal });
    if (!caller) throw unauthorised(secret);
    // A key proves that the request was meant; without one it may be a web page's doing.
    if (caller.keyId === null) requireOwnOrigin(request, this.origins);
    if (caller.role !== 'admin' && this.isMarked(NEEDS_ADMIN, context)) throw adminRequired();
    setCaller(request, caller);
    return true;
  }

  private isMarked(mark: string, context: ExecutionContext): boolean {
    return (
      this.reflector.getAllAndOverride<boolean | undefined>(mark, [
        context.getHandler(),
        context.getClass(),
      ]) === true
    );
  }
}

function bearerOf(header: string | undefined): string | null {
  return /^Bearer\s+(\S{1,200})$/i.exec(header ?? '')?.[1] ?? null;
}

function adminRequired(): ApiError {
  return new ApiError(
    'admin_required',
    "this needs an administrator's key: `lowrank keys create --admin` makes one on the server's machine",
  );
}

function unauthorised(secret: string | null): ApiError {
  const message =
    secret === null
      ? 'this server needs an API key: send "Authorization: Bearer lr-..."; `lowrank keys create` makes one'
      : 'the API key is not known here, or was revoked; `lowrank keys create` makes one';
  return new ApiError('invalid_api_key', message);
}
