/** API keys: made and revoked by the command line, checked by the API. */
import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
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
  /** Whether a key says so; otherwise the server is open. */
  readonly hasKey: boolean;
}

/** The keys of a server; each belongs to a project, which is made when it is first named. */
export class ApiKeys {
  constructor(private readonly database: DataSource) {}

  /**
   * Makes a key. `name` says whose it is, 1 to 100 characters; `project` is the name of a project, `default` unless given.
   * Throws LowrankError `key_name_invalid`, `project_name_invalid`.
   */
  async create({ name, project = DEFAULT_PROJECT }: { name: string; project?: string }): Promise<NewKey> {
    if (name.trim() === '' || name.length > 100) {
      throw new LowrankError('key_name_invalid', 'the name of a key is a text of 1 to 100 characters');
    }
    return this.database.transaction(async (manager) => {
      const projectId = await findOrMakeProject(manager, project);
      const secret = `lr-${randomText(48)}`;
      const id = newId('key');
      const row = { id, projectId, name, digest: digestOf(secret), prefix: secret.slice(0, 8) };
      await manager.insert(ApiKey, row);
      return { key: await manager.findOneByOrFail(ApiKey, { id }), secret };
    });
  }

  /** All keys, revoked ones too, oldest first; digests stay inside. */
  async list(): Promise<Omit<ApiKey, 'digest'>[]> {
    const keys = await this.database.manager.find(ApiKey, { order: { createdAt: 'ASC', id: 'ASC' } });
    return keys.map(({ digest: _digest, ...key }) => key);
  }

  /** Ends a key at once; no error if it is revoked already. Throws LowrankError `key_not_found`. */
  async revoke(id: string): Promise<void> {
    const { affected } = await this.database.manager
      .createQueryBuilder()
      .update(ApiKey)
      .set({ revokedAt: () => 'coalesce(revoked_at, now())' })
      .where({ id })
      .execute();
    if (affected === 0) {
      throw new LowrankError('key_not_found', `there is no key ${id}`, { details: { key: id } });
    }
  }

  /** Whether a key exists that was not revoked. */
  async hasActive(): Promise<boolean> {
    const [row] = await this.database.query<{ found: boolean }[]>(
      'SELECT EXISTS (SELECT 1 FROM api_key WHERE revoked_at IS NULL) AS found',
    );
    return row!.found;
  }

  /**
   * Who asks, by one query: the project of the key; the default project if the server has no key that counts and
   * `isOpen` says that it may do without; null if the request must be refused.
   */
  async identify(secret: string | null, { isOpen }: { isOpen: boolean }): Promise<Caller | null> {
    const [row] = await this.database.query<{ project: string | null; guarded: boolean }[]>(
      `SELECT (SELECT project_id FROM api_key WHERE digest = $1 AND revoked_at IS NULL) AS project,
       EXISTS (SELECT 1 FROM api_key WHERE revoked_at IS NULL) AS guarded`,
      [secret === null ? '' : digestOf(secret)],
    );
    const { project, guarded } = row!;
    if (project !== null) return { projectId: project, hasKey: true };
    return guarded || !isOpen ? null : { projectId: DEFAULT_PROJECT, hasKey: false };
  }
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
      'the name of a project is 1 to 63 letters, digits, "-" or "_", the first a letter or digit',
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
