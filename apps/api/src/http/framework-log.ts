/** What the framework itself logs, as entries of the program's log. */
import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import type { Log } from '#platform/log.js';

/** Parts of Nest that list every module and route at each start, which only its developers need. */
const talkative: ReadonlySet<unknown> = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Nest's logger over ours. The part of Nest that speaks becomes `context`; the talkative ones are for debugging. */
export function frameworkLog(log: Log): LoggerService {
  const write = (level: Level, message: unknown, rest: readonly unknown[]): void => {
    // Nest passes (message, ...details, context), and a stack before the context of an error.
    const context = rest.at(-1);
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    const fields = typeof context === 'string' ? { context } : {};
    if (message instanceof Error) log[level]({ ...fields, err: message });
    else if (typeof message === 'object') log[level]({ ...fields, ...message });
    else
      log[level](
        stack === undefined ? fields : { ...fields, stack },
        typeof message === 'string' ? message : inspect(message),
      );
  };
  return {
    log: (message: unknown, ...rest: unknown[]) =>
      write(talkative.has(rest.at(-1)) ? 'debug' : 'info', message, rest),
    fatal: (message: unknown, ...rest: unknown[]) => write('fatal', message, rest),
    error: (message: unknown, ...rest: unknown[]) => write('error', message, rest),
    warn: (message: unknown, ...rest: unknown[]) => write('warn', message, rest),
    debug: (message: unknown, ...rest: unknown[]) => write('debug', message, rest),
    verbose: (message: unknown, ...rest: unknown[]) => write('trace', message, rest),
  };
}
