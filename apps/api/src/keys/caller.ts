import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { Caller } from '#jobs/api-keys.js';

const callers = new WeakMap<object, Caller>();

/** Notes whose request it is. */
export function setCaller(request: object, caller: Caller): void {
  callers.set(request, caller);
}

/** Whether an administrator asks; not before the guard has seen to it. */
export function isAdministrators(request: object): boolean {
  return callers.get(request)?.role === 'admin';
}

/** The id of the project that asks; empty where a route asks nobody for a key. */
export function projectOf(request: object): string {
  return callers.get(request)?.projectId ?? '';
}

/** Who asks; the guard has seen to it. */
export const RequestCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller =>
  callerOf(context),
);

/** The id of the project that asks. */
export const ProjectId = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => callerOf(context).projectId,
);

function callerOf(context: ExecutionContext): Caller {
  const caller = callers.get(context.switchToHttp().getRequest<Request>());
  if (!caller) throw new Error('a route asks for its caller but is not guarded');
  return caller;
}
