import { LowrankError } from '#base/errors.js';
import type { ApiKeys } from '#jobs/api-keys.js';
import { isLoopback } from '#platform/config.js';

/** A server that others can reach must know who they are: throws LowrankError `keys_required` where there is no key. */
export async function requireKeys(keys: ApiKeys, host: string): Promise<void> {
  if (isLoopback(host) || (await keys.hasActive())) return;
  throw new LowrankError(
    'keys_required',
    'HOST lets other machines reach this server, but there is no API key: make one with `lowrank keys create` first, or set HOST to 127.0.0.1',
  );
}
