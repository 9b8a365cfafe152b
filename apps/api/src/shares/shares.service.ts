import { buffer } from 'node:stream/consumers';
import { Inject, Injectable, type StreamableFile } from '@nestjs/common';
import type { z } from 'zod';
import type { Deleted, Page } from '#contracts/http/pages.js';
import type { ShareAccessObject, shareListQuery, ShareObject, ShareRequest } from '#contracts/http/shares.js';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { versionOf } from '#jobs/base-model-versions.js';
import { isUsedUp, type OpenShare, Shares, type Visitor } from '#jobs/shares.js';
import { cardLicence, type ModelOrigin, readModelOrigin } from '#models/model-origin.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Share } from '#platform/database/entities/share.js';
import type { Platform } from '#platform/platform.js';
import { ApiError, notFound } from '../errors/api-error.js';
import { attachment } from '../http/attachment.js';
import type { Download } from '../http/downloads.js';
import { keysetPage } from '../http/keyset-page.js';
import { unixSeconds } from '../http/unix-seconds.js';
import { PLATFORM } from '../tokens.js';
import { sharePageHtml } from './share-page.js';

/** The front matter of a card is at its beginning. */
const cardBytes = 1 << 16;

/** Links to adapters: made and ended by their owners, opened by whoever has them. */
@Injectable()
export class SharesService {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(Shares) private readonly shares: Shares,
  ) {}

  async create(projectId: string, request: ShareRequest): Promise<ShareObject> {
    const adapter = await this.platform.database.manager
      .createQueryBuilder(Adapter, 'adapter')
      .where('adapter.id = :id AND adapter.projectId = :projectId', { id: request.adapter, projectId })
      .andWhere('adapter.deletedAt IS NULL')
      .getOne();
    if (!adapter) {
      const message = `adapter: there is no adapter ${request.adapter}`;
      throw new ApiError('adapter_not_found', message, { status: 400, param: 'adapter' });
    }
    const { share, token } = await this.shares.create(projectId, adapter.id, {
      seconds: request.expires_in_seconds,
      maxDownloads: request.max_downloads ?? null,
    });
    return { ...viewShare(share), path: this.pathOf(token) };
  }

  async list(projectId: string, query: z.output<typeof shareListQuery>): Promise<Page<ShareObject>> {
    const rows = this.rows(projectId);
    if (query.adapter !== undefined) rows.andWhere('row.adapterId = :adapter', { adapter: query.adapter });
    return keysetPage(rows, this.rows(projectId), query, viewShare);
  }

  async get(projectId: string, id: string): Promise<ShareObject> {
    return viewShare(await this.find(projectId, id));
  }

  async accesses(projectId: string, id: string): Promise<{ object: 'list'; data: ShareAccessObject[] }> {
    const { id: shareId } = await this.find(projectId, id);
    const rows = await this.shares.accesses(shareId);
    return {
      object: 'list',
      data: rows.map(({ id: row, createdAt, outcome, file, address, userAgent }) => ({
        id: row,
        object: 'share.access',
        created_at: unixSeconds(createdAt),
        outcome,
        file,
        address,
        user_agent: userAgent,
      })),
    };
  }

  async revoke(projectId: string, id: string): Promise<Deleted> {
    if (!(await this.shares.revoke(projectId, id))) throw notFound('share', id);
    return { id, object: 'share', deleted: true };
  }

  /** The page of a link. */
  async page(token: string, visitor: Visitor): Promise<string> {
    const { share, adapter } = await this.open(token, null, visitor);
    const origin = await this.originOf(adapter);
    return sharePageHtml({ path: this.pathOf(token), share, adapter, ...origin, isUsedUp: isUsedUp(share) });
  }

  async file(
    token: string,
    name: string,
    visitor: Visitor,
    download: Download,
  ): Promise<StreamableFile | undefined> {
    // In parts, downloads could not be counted.
    const wholeOnly = ({ maxDownloads }: Share) => maxDownloads !== null;
    const { share, adapter } = await this.open(token, name, visitor, (opened) =>
      download.isFromStart({ isWhole: wholeOnly(opened) }),
    );
    const file = adapter.files.find(({ path }) => path === name)!;
    const isWhole = wholeOnly(share);
    const served = { pieces: [file], modifiedAt: adapter.createdAt, disposition: attachment(name), isWhole };
    return download.answer(served, this.platform);
  }

  private pathOf(token: string): string {
    return `${this.platform.configuration.pathPrefix}/s/${token}`;
  }

  /** What the adapter's own files say of its base, and otherwise the base where it is registered. */
  private async originOf({ model, baseIdentity, config, files }: Adapter): Promise<ModelOrigin> {
    const { database, objects } = this.platform;
    const card = files.find(({ path }) => path === ADAPTER_FILES.card);
    const beginning = card && (await buffer(await objects.get(card.key, { start: 0, length: cardBytes })));
    const base =
      baseIdentity === null
        ? null
        : await versionOf(database.manager, { name: model, identity: baseIdentity });
    const known = base ? await readModelOrigin(base.folder) : null;
    const { revision } = config;
    return {
      licence: cardLicence(beginning?.toString('utf8') ?? '') ?? known?.licence ?? null,
      revision: typeof revision === 'string' ? revision : (known?.revision ?? null),
    };
  }

  /** Whatever the reason, the visitor is told nothing but that there is nothing. */
  private async open(
    token: string,
    file: string | null,
    visitor: Visitor,
    isFetched?: (share: Share) => boolean,
  ): Promise<OpenShare> {
    const opened = await this.shares.open(token, file, visitor, isFetched);
    if (opened) return opened;
    throw new ApiError('share_not_found', 'this link does not exist or has ended');
  }

  private rows(projectId: string) {
    return this.platform.database.manager
      .createQueryBuilder(Share, 'row')
      .where('row.projectId = :projectId', { projectId });
  }

  private async find(projectId: string, id: string): Promise<Share> {
    const share = await this.rows(projectId).andWhere('row.id = :id', { id }).getOne();
    if (!share) throw notFound('share', id);
    return share;
  }
}

function viewShare(share: Share): ShareObject {
  return {
    id: share.id,
    object: 'share',
    created_at: unixSeconds(share.createdAt),
    expires_at: unixSeconds(share.expiresAt),
    revoked_at: share.revokedAt && unixSeconds(share.revokedAt),
    status: statusOf(share),
    adapter: share.adapterId,
    max_downloads: share.maxDownloads,
    downloads: share.downloads,
    path: null,
  };
}

function statusOf(share: Share): ShareObject['status'] {
  if (share.revokedAt !== null) return 'revoked';
  if (share.expiresAt.getTime() <= Date.now()) return 'expired';
  return isUsedUp(share) ? 'used_up' : 'open';
}
