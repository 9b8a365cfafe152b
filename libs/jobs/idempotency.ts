/** One answer for one Idempotency-Key, however often the request comes. */
import type { DataSource, EntityManager } from 'typeorm';
import { LowrankError } from '#base/errors.js';
import { IdempotencyKey } from '#platform/database/entities/idempotency-key.js';

export interface IdempotentRequest {
  readonly projectId: string;
  /** As the client sent it, 1 to 255 characters. */
  readonly key: string;
  /** SHA-256 of method, path and body. */
  readonly digest: string;
}

export interface StoredAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/**
 * Does the work in a transaction that also stores its answer, or gives the answer that is stored. Of requests with the
 * same key at the same time one does the work and the others wait for it. What `work` throws is thrown on, and nothing
 * is stored or changed.
 *
 * Throws LowrankError `idempotency_mismatch` if the key came with another request.
 */
export async function answerOnce(
  database: DataSource,
  { projectId, key, digest }: IdempotentRequest,
  work: (manager: EntityManager) => Promise<StoredAnswer>,
): Promise<StoredAnswer & { readonly replayed: boolean }> {
  return database.transaction(async (manager) => {
    // Waits while another transaction holds the key.
    const inserted = await manager.query<unknown[]>(
      `INSERT INTO idempotency_key (project_id, key, request_digest, status, body) VALUES ($1, $2, $3, 0, '{}')
       ON CONFLICT DO NOTHING RETURNING key`,
      [projectId, key, digest],
    );
    if (inserted.length > 0) {
      const answer = await work(manager);
      await manager.query(
        'UPDATE idempotency_key SET status = $3, body = $4 WHERE project_id = $1 AND key = $2',
        [projectId, key, answer.status, JSON.stringify(answer.body)],
      );
      return { ...answer, replayed: false };
    }
    const stored = await manager.findOneByOrFail(IdempotencyKey, { projectId, key });
    return replay(stored, digest);
  });
}

/** The answer that is stored, if there is one; for looking before work that takes long. Throws as `answerOnce`. */
export async function findAnswer(
  database: DataSource,
  { projectId, key, digest }: IdempotentRequest,
): Promise<(StoredAnswer & { readonly replayed: true }) | null> {
  const stored = await database.manager.findOneBy(IdempotencyKey, { projectId, key });
  return stored && replay(stored, digest);
}

function replay(
  { key, requestDigest, status, body }: IdempotencyKey,
  digest: string,
): StoredAnswer & { readonly replayed: true } {
  if (requestDigest !== digest) {
    throw new LowrankError(
      'idempotency_mismatch',
      'this Idempotency-Key was used for a different request: use a new key for each request',
      { details: { key } },
    );
  }
  return { status, body, replayed: true };
}
