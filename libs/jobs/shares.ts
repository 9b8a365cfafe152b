/** Links to adapters: made, opened by their token, ended; every use is written down. */
import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Share } from '#platform/database/entities/share.js';
import { ShareAccess, type ShareOutcome } from '#platform/database/entities/share-access.js';
import { newId, randomText } from '#platform/ids.js';

/** Random letters and digits of a token: 250 bits. */
const tokenLength = 42;
const tokenSyntax = /^[A-Za-z0-9]{42}$/;

/** Files that count as a download. */
const countedFile = 'adapter_model.safetensors';

export interface Visitor {
  readonly address: string | null;
  readonly userAgent: string | null;
}

export interface OpenShare {
  readonly share: Share;
  readonly adapter: Adapter;
}

export class Shares {
  constructor(private readonly database: DataSource) {}

  /** The adapter's owner has been checked. The token is told here and never again. */
  async create(
    projectId: string,
    adapterId: string,
    options: { readonly seconds: number; readonly maxDownloads: number | null },
  ): Promise<{ readonly share: Share; readonly token: string }> {
    const id = newId('share');
    const token = randomText(tokenLength);
    await this.database.query(
      `INSERT INTO share (id, project_id, adapter_id, token_hash, expires_at, max_downloads)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5), $6)`,
      [id, projectId, adapterId, hashOf(token), options.seconds, options.maxDownloads],
    );
    return { share: await this.database.manager.findOneByOrFail(Share, { id }), token };
  }

  /** Ends a link; one that is over stays over. False if there is none. */
  async revoke(projectId: string, id: string): Promise<boolean> {
    const [, count] = await this.database.query<[unknown[], number]>(
      'UPDATE share SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND project_id = $2',
      [id, projectId],
    );
    return count > 0;
  }

  /** The newest 1000 uses, newest first. */
  async accesses(shareId: string): Promise<ShareAccess[]> {
    return this.database.manager.find(ShareAccess, { where: { shareId }, order: { id: 'DESC' }, take: 1000 });
  }

  /**
   * What a token opens, for its page or for one of the files; null if that is nothing, for whatever reason: the visitor is
   * told none. The use is written down in the same transaction, and a download is counted before its first byte; who only
   * asks for the headers fetches nothing.
   */
  async open(
    token: string,
    file: string | null,
    visitor: Visitor,
    isFetched: (share: Share) => boolean = () => true,
  ): Promise<OpenShare | null> {
    if (!tokenSyntax.test(token)) return null;
    return this.database.transaction(async (manager) => {
      const share = await manager
        .createQueryBuilder(Share, 'share')
        .setLock('pessimistic_write')
        .where('share.tokenHash = :hash', { hash: hashOf(token) })
        .getOne();
      if (!share) return null;
      const [row] = await manager.query<{ expired: boolean }[]>(
        'SELECT expires_at <= now() AS expired FROM share WHERE id = $1',
        [share.id],
      );
      const adapter = await manager.findOneBy(Adapter, { id: share.adapterId });
      const outcome = judge(share, adapter, row?.expired !== false, file);
      await manager.insert(ShareAccess, {
        shareId: share.id,
        outcome,
        file: file?.slice(0, 200) ?? null,
        address: visitor.address,
        userAgent: visitor.userAgent?.slice(0, 300) ?? null,
      });
      if (!adapter || (outcome !== 'page' && outcome !== 'file')) return null;
      if (file === countedFile && isFetched(share)) {
        await manager.increment(Share, { id: share.id }, 'downloads', 1);
      }
      return { share, adapter };
    });
  }
}

/** Whether the weights may not be fetched any more. */
export function isUsedUp({ downloads, maxDownloads }: Share): boolean {
  return maxDownloads !== null && downloads >= maxDownloads;
}

function judge(share: Share, adapter: Adapter | null, isExpired: boolean, file: string | null): ShareOutcome {
  if (share.revokedAt !== null) return 'revoked';
  if (isExpired) return 'expired';
  if (adapter === null || adapter.deletedAt !== null) return 'deleted';
  if (file === null) return 'page';
  if (!adapter.files.some(({ path }) => path === file)) return 'missing';
  return file === countedFile && isUsedUp(share) ? 'used_up' : 'file';
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
