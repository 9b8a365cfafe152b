/** The home belongs to one account: others of the machine see nothing in it. */
import { chmod, chown, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';
import { type Account, postgresAccount } from '#platform/database/postgres-software.js';

/** What others may do with files and folders that this process makes from now on: nothing. */
export const privateUmask = 0o077;

const others = 0o077;

/**
 * Makes the home where it is not there, closed to other accounts, and closes one that is open. An account that lends
 * itself to Postgres may still pass through it. Yields whether it was open.
 */
export async function closeHome(home: string): Promise<boolean> {
  const made = await mkdir(home, { recursive: true, mode: 0o700 });
  const { mode, uid, gid } = await stat(home);
  if (uid !== process.getuid?.()) return false;
  const guest = await postgresGuest(home);
  const passes = guest !== null && gid === guest.gid && (mode & others) === 0o010;
  if (made === undefined && ((mode & others) === 0 || passes)) return false;
  await letPass(home, guest);
  return made === undefined;
}

/** Closes a folder to all but its owner and, if there is one, the account that must pass through it. */
export async function letPass(folder: string, guest: Account | null): Promise<void> {
  if (guest !== null) await chown(folder, process.getuid!(), guest.gid);
  await chmod(folder, guest === null ? 0o700 : 0o710);
}

/** Closes everything in a home that belongs to this account; yields how many files and folders were open. */
export async function closeContents(home: string): Promise<number> {
  const guest = await postgresGuest(home);
  const passed = guest === null ? null : path.join(home, 'postgres');
  let closed = 0;
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const entryPath = path.join(folder, entry.name);
      if (!entry.isDirectory() && !entry.isFile()) continue;
      const found = await lstat(entryPath).catch(() => null);
      // Postgres looks after its own.
      if (found === null || found.uid !== process.getuid?.()) continue;
      const wanted = entryPath === passed ? (found.mode & 0o700) | 0o010 : found.mode & 0o700;
      if ((found.mode & others & ~wanted) !== 0) {
        // A file that goes away meanwhile needs no closing.
        await chmod(entryPath, wanted).then(
          () => (closed += 1),
          () => undefined,
        );
      }
      if (entry.isDirectory()) await walk(entryPath);
    }
  };
  await walk(home);
  return closed;
}

/** A system without such an account has no Postgres that needs one. */
async function postgresGuest(home: string): Promise<Account | null> {
  return postgresAccount(path.join(home, 'postgres/data')).catch((error: unknown) => {
    if (error instanceof LowrankError) return null;
    throw error;
  });
}
