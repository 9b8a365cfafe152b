/** The files of an adapter, uploaded to a repository of a hub as one commit. */
import { openAsBlob } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { LowrankError } from '#base/errors.js';
import { type HubAccess, hubFetch, tokenPlace, unreachable } from '#hub/remote/hub-requests.js';

export interface PushOptions {
  readonly access: HubAccess;
  /** `OWNER/NAME`; made if it is not there. */
  readonly repository: string;
  /** Of a repository that is made. */
  readonly isPrivate: boolean;
  readonly title: string;
  /** Files in place of those of the folder, by name. */
  readonly replaced: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: string) => void;
}

export interface Pushed {
  readonly commit: string;
  /** Of the repository's page. */
  readonly url: string;
}

/** A large file may take long to upload. */
const patienceMs = 6 * 3_600_000;

/**
 * Uploads a folder. Other files of the repository stay.
 *
 * Throws LowrankError `push_refused` where the account may not write there, `download_failed` where the hub cannot be
 * reached, and the signal's reason.
 */
export async function pushFolder(
  folder: string,
  { access, repository, isPrivate, title, replaced, signal, onProgress }: PushOptions,
): Promise<Pushed> {
  const { createRepo, HubApiError, uploadFiles } = await import('@huggingface/hub');
  const repo = { type: 'model', name: repository } as const;
  const refuse = (name: string, response: Response) => refusal(name, response);
  const common = {
    repo,
    hubUrl: access.endpoint,
    accessToken: tokenPlace,
    fetch: hubFetch(repository, access, signal, { patienceMs, refuse }),
  };
  onProgress?.('repository');
  try {
    await createRepo({ ...common, visibility: isPrivate ? 'private' : 'public' });
  } catch (error) {
    if (!(error instanceof LowrankError) || error.details['status'] !== 409) throw error;
    // It is there already.
  }
  const names = (await readdir(folder, { withFileTypes: true })).flatMap((entry) =>
    entry.isFile() && !(entry.name in replaced) ? entry.name : [],
  );
  const kept = await Promise.all(
    names.map(async (name) => ({ path: name, content: await openAsBlob(path.join(folder, name)) })),
  );
  const written = Object.entries(replaced).map(([name, text]) => ({ path: name, content: new Blob([text]) }));
  onProgress?.('upload');
  try {
    const made = await uploadFiles({
      ...common,
      files: [...kept, ...written],
      commitTitle: title,
      abortSignal: signal,
    });
    return { commit: made!.commit.oid, url: `${access.endpoint}/${repository}` };
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof HubApiError ? unreachable(repository, error.message, error) : error;
  }
}

function refusal(repository: string, { status }: Response): LowrankError {
  const details = { repository, status };
  if (status === 409) return new LowrankError('push_refused', `${repository} is there already`, { details });
  if (status < 500 && status !== 429) {
    return new LowrankError(
      'push_refused',
      `the hub does not let this server write to ${repository} (${status}): HF_TOKEN must be a token with write access of an account that may`,
      { details },
    );
  }
  return unreachable(repository, `it answered ${status}`);
}
