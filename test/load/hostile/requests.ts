/** Forty requests or more to every route, each made to keep the server busy or to break it. */
import { gzipSync } from 'node:zlib';
import { hostileHeads } from './heads.js';
import type { HostileRequest } from './hostile-request.js';
import { hostilePrompts, hostileCompositions, hostileFolders, hostileJobs } from './of-routes.js';
import { pathOf, type Route, soundBody, type World } from './routes.js';
import { hostileUploads } from './uploads.js';
import { hostileValues } from './values.js';

export function hostileRequests(route: Route, world: World): HostileRequest[] {
  const { contentType } = route;
  if (contentType === null) return hostileHeads(route, world);
  if (contentType === 'multipart/form-data') return hostileUploads(route, world);
  return [...hostileJson(route, world), ...hostileHeads(route, world).slice(0, 8)];
}

const json = { 'content-type': 'application/json' };

function hostileJson(route: Route, world: World): HostileRequest[] {
  const { method, fields } = route;
  const path = pathOf(route, world);
  const sound = soundBody(route, world);
  const text = JSON.stringify(sound);
  const request = (
    what: string,
    body: string | Buffer,
    headers: Readonly<Record<string, string>> = json,
  ): HostileRequest => ({ what, method, path, headers, body });
  const inField = hostileValues.map(([what, value], i) => {
    const field = fields[i % fields.length]!;
    const others = Object.entries(sound).filter(([name]) => name !== field);
    const written = others.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    return request(`${what} as ${field}`, `{${[`${JSON.stringify(field)}:${value}`, ...written].join(',')}}`);
  });
  const whole: HostileRequest[] = [
    ...hostileValues.slice(5, 17).map(([what, value]) => request(`${what} as the body`, value)),
    request('nothing', ''),
    request('a body that breaks off', text.slice(0, -1)),
    request('a megabyte of spaces', ' '.repeat(1_000_000) + text),
    request('4,000 unknown fields', JSON.stringify({ ...sound, ...unknownFields(4000) })),
    request('UTF-16', Buffer.from(text, 'utf16le'), { 'content-type': 'application/json; charset=utf-16' }),
    request('an unknown character set', text, { 'content-type': 'application/json; charset=klingon' }),
    request('300 MB when it is unpacked', gzipSync(Buffer.alloc(300e6, ' '), { level: 9 }), {
      ...json,
      'content-encoding': 'gzip',
    }),
    request('a packing that is none', text, { ...json, 'content-encoding': 'gzip' }),
    request('a text', text, { 'content-type': 'text/plain' }),
    request('a form', `a=${'%5B'.repeat(200_000)}`, { 'content-type': 'application/x-www-form-urlencoded' }),
    request('an upload', text, { 'content-type': 'multipart/form-data; boundary=x' }),
    request('two megabytes', JSON.stringify('a'.repeat(2_000_000))),
    { ...request('less than it declares', text), missingBytes: 1000 },
    request('a key for repeats of 8,000 characters', text, { ...json, 'idempotency-key': 'k'.repeat(8000) }),
  ];
  const special = [hostileJobs, hostilePrompts, hostileCompositions, hostileFolders]
    .flatMap((of) => of(route.path, world))
    .map(([what, changes]) =>
      request(what, typeof changes === 'string' ? changes : JSON.stringify({ ...sound, ...changes })),
    );
  return [...inField, ...whole, ...special];
}

function unknownFields(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`field${i}`, i]));
}
