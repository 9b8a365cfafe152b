/** One launcher for each home. */
import { join } from 'node:path';
import { LowrankError } from '#base/errors.js';
import { closeHome } from '#platform/private-home.js';
import { findHolder as holderOf, type Holder, type ProcessLock, takeLock } from '#platform/process-lock.js';

export interface HomeLock extends ProcessLock {
  /** Whether other accounts of the machine could look into the home until now. */
  readonly wasOpen: boolean;
}

const fileOf = (home: string) => join(home, 'launcher.json');

/** The launcher that runs on a home, or undefined. */
export const findHolder = (home: string): Promise<Holder | undefined> => holderOf(fileOf(home));

/**
 * Takes a home; where a launcher before this one did not clear away, what it started may live for another moment. Throws
 * LowrankError `home_in_use` (pid, url) if another launcher runs on it, `home_unusable`.
 */
export async function lockHome(home: string): Promise<HomeLock> {
  let wasOpen: boolean;
  let taken: Awaited<ReturnType<typeof takeLock>>;
  try {
    wasOpen = await closeHome(home);
    taken = await takeLock(fileOf(home));
  } catch (cause) {
    const message = `the folder ${home} cannot be used (${(cause as Error).message}): set LOWRANK_HOME to one that can be written`;
    throw new LowrankError('home_unusable', message, { cause, details: { home } });
  }
  if ('holder' in taken) throw inUse(home, taken.holder);
  return { ...taken, wasOpen };
}

function inUse(home: string, { pid, url }: Holder): LowrankError {
  const where = url ? ` and listens on ${url}` : '';
  return new LowrankError(
    'home_in_use',
    `process ${pid} runs Lowrank on ${home} already${where}: use that one, stop it with "kill ${pid}", or set LOWRANK_HOME to another folder and PORT to another number`,
    { details: { pid, home, url } },
  );
}
