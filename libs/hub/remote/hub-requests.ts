/** Requests to a hub, and what its refusals mean. */
import { LowrankError } from '#base/errors.js';

export interface HubAccess {
  /** Scheme and host, and maybe a path; without a slash at the end. */
  readonly endpoint: string;
  /** Sent with every request to that host, and to no other. */
  readonly token: string | null;
}

/** How to reach a hub; without an address it is the public one. */
export async function hubAccess({
  endpoint,
  token,
}: {
  readonly endpoint: string | null;
  readonly token: string | null;
}): Promise<HubAccess> {
  if (endpoint !== null) return { endpoint: endpoint.replace(/\/+$/, ''), token };
  const { HUB_URL } = await import('@huggingface/hub');
  return { endpoint: HUB_URL, token };
}

/** How long a hub may take to begin an answer. */
const answerMs = 30_000;

/** What the library is given where it wants a token: it knows those of the public hub only, and sends them anywhere. */
export const tokenPlace = 'hf_of_the_server';

export interface FetchBehaviour {
  /** Until an answer begins, which for an upload is when all of it was sent. */
  readonly patienceMs?: number;
  /** The error of a refusal. */
  readonly refuse?: (repository: string, response: Response) => LowrankError;
}

/**
 * A `fetch` for a hub that has an error of ours for each refusal. Where the hub sends on to another host, the token stays behind.
 *
 * Throws LowrankError `model_not_found`, `model_gated`, `download_failed` (of a hub that cannot be reached, or that is in
 * trouble), and the signal's reason.
 */
export function hubFetch(
  repository: string,
  { endpoint, token }: HubAccess,
  signal?: AbortSignal,
  { patienceMs = answerMs, refuse = refusal }: FetchBehaviour = {},
): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    const { origin } = new URL(input instanceof Request ? input.url : input);
    // What another host gave for itself stays.
    if (headers.get('authorization') === `Bearer ${tokenPlace}`) headers.delete('authorization');
    if (token !== null && origin === new URL(endpoint).origin)
      headers.set('authorization', `Bearer ${token}`);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), patienceMs);
    const signals = [limit.signal, ...(signal ? [signal] : []), ...(init?.signal ? [init.signal] : [])];
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers, signal: AbortSignal.any(signals) });
    } catch (cause) {
      signal?.throwIfAborted();
      init?.signal?.throwIfAborted();
      throw unreachable(
        repository,
        limit.signal.aborted ? 'it did not answer in time' : reasonOf(cause),
        cause,
      );
    } finally {
      clearTimeout(timer);
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel().catch(() => undefined);
    throw refuse(repository, response);
  };
}

function refusal(repository: string, response: Response): LowrankError {
  const code = response.headers.get('x-error-code');
  const details = { repository, status: response.status };
  if (code === 'GatedRepo' || (response.status === 403 && code !== 'RepoNotFound')) {
    return new LowrankError(
      'model_gated',
      `${repository} is open only to accounts that its owner let in: accept its terms on its page, and start the server with a token of that account in HF_TOKEN`,
      { details },
    );
  }
  if (code === 'RevisionNotFound') {
    return new LowrankError(
      'model_not_found',
      `${repository} has no such revision: name a branch, a tag or a commit`,
      {
        details,
      },
    );
  }
  if (code === 'EntryNotFound') {
    return new LowrankError(
      'model_not_found',
      `${repository} has no file ${new URL(response.url).pathname}`,
      {
        details,
      },
    );
  }
  // A hub does not tell what is missing from what is private.
  if (response.status === 401 || response.status === 404) {
    return new LowrankError(
      'model_not_found',
      `the hub has no model ${repository}, or shows it only to some: see to its spelling, or set HF_TOKEN to a token that may read it`,
      { details },
    );
  }
  return unreachable(repository, `it answered ${response.status}`);
}

export function unreachable(repository: string, reason: string, cause?: unknown): LowrankError {
  return new LowrankError(
    'download_failed',
    `the hub cannot be asked for ${repository}: ${reason}. Try again later; HF_ENDPOINT names another hub`,
    { cause, details: { repository } },
  );
}

/** What is wrong with a connection: `fetch` hides it in the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message ?? 'no connection';
}
