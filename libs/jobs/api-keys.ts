/** API keys: made and revoked by the command line, checked by the API. */
import { createHash } from 'node:crypto';
import { type DataSource, type EntityManager, IsNull } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import { gathered } from '#base/gather.js';
import type { KeyRole } from '#contracts/http/keys.js';
import { ApiKey } from '#platform/database/entities/api-key.js';
import { Project } from '#platform/database/entities/project.js';
import { newId, randomText } from '#platform/ids.js';

/** The project of a server without keys, and of keys that were made without naming one. */
export const DEFAULT_PROJECT = 'default';

export interface NewKey {
  readonly key: ApiKey;
  /** Shown once; only its digest is kept. */
  readonly secret: string;
}

/** What a request may do. */
export interface Caller {
  readonly projectId: string;
  readonly role: KeyRole;
  /** Null on a server that never had a key: it is open to its own machine. */
  readonly keyId: string | null;
}

/** What is left after a key was revoked. */
export interface RemainingKeys {
  readonly admins: number;
  readonly total: number;
}

/** The keys of a server; each belongs to a project, which is made when it is first named. */
export class ApiKeys {
  private readonly find: (digest: string) => Promise<FoundKey>;

  constructor(private readonly database: DataSource) {
    this.find = gathered((digests) => findKeys(database, digests));
  }

  /**
   * Makes a key. `name` says whose it is, 1 to 100 characters; `project` is the name of a project, `default` unless given.
   * Throws LowrankError `key_name_invalid`, `project_name_invalid`.
   */
  async create({
    name,
    project = DEFAULT_PROJECT,
    role = 'project',
  }: {
    name: string;
    project?: string;
    role?: KeyRole;
  }): Promise<NewKey> {
    if (name.trim() === '' || name.length > 100) {
      throw new LowrankError('key_name_invalid', 'the name of a key must have 1 to 100 characters');
    }
    return this.database.transaction(async (manager) => {
      const projectId = await findOrMakeProject(manager, project);
      const secret = `lr-${randomText(48)}`;
      const id = newId('key');
      const row = { id, projectId, role, name, digest: digestOf(secret), prefix: secret.slice(0, 8) };
      await manager.insert(ApiKey, row);
      return { key: await manager.findOneByOrFail(ApiKey, { id }), secret };
    });
  }

  /** All keys, revoked ones too, oldest first; digests stay inside. */
  async list(): Promise<Omit<ApiKey, 'digest'>[]> {
    const keys = await this.database.manager.find(ApiKey, { order: { createdAt: 'ASC', id: 'ASC' } });
    return keys.map(({ digest: _digest, ...key }) => key);
  }

  /**
   * Ends a key at once and yields how many are left; no error if it is revoked already.
   *
   * Throws LowrankError `key_not_found`, and `last_admin_key` for the only key of an administrator unless `allowLockOut`.
   */
  async revoke(id: string, { allowLockOut = false } = {}): Promise<RemainingKeys> {
    return this.database.transaction(async (manager) => {
      // Locked, so that two administrators who revoke each other's keys do not both succeed.
      const valid = await manager.find(ApiKey, {
        where: { revokedAt: IsNull() },
        order: { id: 'ASC' },
        lock: { mode: 'pessimistic_write' },
      });
      const key = valid.find((each) => each.id === id);
      if (!key && !(await manager.existsBy(ApiKey, { id }))) {
        throw new LowrankError('key_not_found', `there is no key ${id}`, { details: { key: id } });
      }
      const rest = valid.filter((each) => each !== key);
      const admins = rest.filter(({ role }) => role === 'admin').length;
      if (key?.role === 'admin' && admins === 0 && !allowLockOut) throw lastAdminKey(id);
      if (key) await manager.update(ApiKey, { id }, { revokedAt: () => 'now()' });
      return { admins, total: rest.length };
    });
  }

  /** Whether a key exists that was not revoked. */
  async hasActive(): Promise<boolean> {
    const [row] = await this.database.query<{ found: boolean }[]>(
      'SELECT EXISTS (SELECT 1 FROM api_key WHERE revoked_at IS NULL) AS found',
    );
    return row!.found;
  }

  /**
   * Who asks, by one query for all who ask at the same time: whom the key stands for; an administrator of the default project if the server never had a
   * key and `isOpen` says that it may do without; null if the request must be refused. Revoked keys stay in the table, so
   * a server that had a key is never open again.
   */
  async identify(secret: string | null, { isOpen }: { isOpen: boolean }): Promise<Caller | null> {
    const found = await this.find(secret === null ? '' : digestOf(secret));
    if (found.id !== null) return { projectId: found.project, role: found.role, keyId: found.id };
    return found.had || !isOpen ? null : { projectId: DEFAULT_PROJECT, role: 'admin', keyId: null };
  }
}

/** A key that is valid, or none; `had`: whether the server ever had one. */
type FoundKey =
  | { readonly id: string; readonly project: string; readonly role: KeyRole; readonly had: boolean }
  | { readonly id: null; readonly had: boolean };

async function findKeys(database: DataSource, digests: readonly string[]): Promise<FoundKey[]> {
  const rows = await database.query<(FoundKey & { readonly digest: string })[]>(
    `SELECT asked.digest, key.id, key.project_id AS project, key.role, EXISTS (SELECT 1 FROM api_key) AS had
     FROM unnest($1::text[]) AS asked(digest)
     LEFT JOIN api_key AS key ON key.digest = asked.digest AND key.revoked_at IS NULL`,
    [[...new Set(digests)]],
  );
  const byDigest = new Map(rows.map((row) => [row.digest, row]));
  return digests.map((digest) => byDigest.get(digest)!);
}

function lastAdminKey(id: string): LowrankError {
  return new LowrankError(
    'last_admin_key',
    `${id} is the last administrator's key: without it nobody can register, replace or remove base models over HTTP. ` +
      'Make another one first with `lowrank keys create --admin`, or revoke it with --yes-lock-out; ' +
      '`lowrank keys create --admin` on the machine of the database lets you in again',
    { details: { key: id } },
  );
}

/** A secret has 285 random bits: one round of a fast hash is enough. */
function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

const projectName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

async function findOrMakeProject(manager: EntityManager, name: string): Promise<string> {
  if (!projectName.test(name)) {
    throw new LowrankError(
      'project_name_invalid',
      'the name of a project must be 1 to 63 letters, digits, "-" or "_" and start with a letter or digit',
    );
  }
  // Of several who name a new project at once, one makes it.
  await manager.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`project ${name}`]);
  const found = await manager.findOneBy(Project, { name });
  if (found) return found.id;
  const id = name === DEFAULT_PROJECT ? DEFAULT_PROJECT : newId('proj');
  await manager.insert(Project, { id, name });
  return id;
}
