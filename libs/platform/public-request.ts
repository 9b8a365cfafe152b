/** Requests to addresses that callers chose: never to this machine or its network, whatever a name resolves to. */
import { lookup, type LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Everything that is not somebody else's in the internet (IANA's registries of special addresses). */
const special = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  special.addSubnet(network, bits, 'ipv4');
}
// Of these the inner address may be any.
for (const [network, bits] of [
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const) {
  special.addSubnet(network, bits, 'ipv6');
}
const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');

/** Whether an address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special.check(address, 'ipv4');
  return family === 6 && global6.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

export interface PublicRequest {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For all of it. */
  readonly milliseconds: number;
  /** Whether addresses of this machine and its network will do. */
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal;
}

const refusal = (host: string) =>
  new Error(`${host} is an address of this machine or its network, which webhooks may not reach`);

/**
 * POSTs a body and yields the status of the answer, whose content is not read. Follows no redirect. The address that was
 * checked is the one that is connected to. Throws where there is no answer in time, or the address is not public.
 */
export async function postPublic(url: URL, options: PublicRequest): Promise<number> {
  const { body, headers, milliseconds, allowPrivate } = options;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) && !allowPrivate && !isPublicAddress(host)) throw refusal(host);
  const timeout = AbortSignal.timeout(milliseconds);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  try {
    return await new Promise<number>((resolve, reject) => {
      const sent = send(
        url,
        {
          method: 'POST',
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
          agent: false,
          lookup: allowPrivate ? undefined : publicLookup,
          signal,
        },
        (response) => {
          resolve(response.statusCode ?? 0);
          response.destroy();
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  } catch (error) {
    if (timeout.aborted) throw new Error(`no answer within ${milliseconds / 1000} s`, { cause: error });
    throw error;
  }
}

/** As `dns.lookup`, of public addresses only: one that is not refuses the name. */
const publicLookup: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const [first] = addresses ?? [];
    if (error) done(error, '');
    else if (!first || !addresses.every(({ address }) => isPublicAddress(address))) done(refusal(host), '');
    else if (options.all) done(null, addresses);
    else done(null, first.address, first.family);
  });
};
