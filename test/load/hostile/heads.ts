/** Paths, queries and headers that are made to keep a server busy, for routes whatever their body. */
import type { HostileRequest } from './hostile-request.js';
import { pathOf, type Route, type World } from './routes.js';

const odd = encodeURIComponent;
const longest = 12_000;

const ids: readonly (readonly [what: string, id: string])[] = [
  ['an id of 12,000 characters', 'a'.repeat(longest)],
  ['an id that leads out', odd('../../../../etc/passwd')],
  ['an id with a NUL character', 'a%00b'],
  ['an id that is no UTF-8', '%ff%fe%ed%a0%80'],
  ['an id with a percent sign alone', '%zz'],
  ['an id of faces', odd('\u{1f9d1}\u200d'.repeat(300))],
  ['an id with line ends', odd('a\r\nx-injected: 1\r\n')],
  ['an id of prototypes', '__proto__'],
  ['an id with quotes', odd(`'; DROP TABLE job; --"`)],
  ['an id of dots', odd('ft:a:b:c:d:'.repeat(500))],
];

const queries: readonly (readonly [what: string, query: (names: readonly string[]) => string])[] = [
  ['numbers without end', (names) => names.map((name) => `${name}=1e999`).join('&')],
  ['negative numbers', (names) => names.map((name) => `${name}=-1`).join('&')],
  ['12,000 characters', ([name = 'after']) => `${name}=${'a'.repeat(longest)}`],
  ['a cursor that leads out', () => `after=${odd('../'.repeat(3000))}`],
  ['a cursor of base64', () => `after=${odd(Buffer.from('{"a":'.repeat(1500)).toString('base64'))}`],
  ['the same name 1,000 times', ([name = 'limit']) => `${name}=1&`.repeat(1000)],
  ['1,500 names', () => Array.from({ length: 1500 }, (_, i) => `n${i}=1`).join('&')],
  ['brackets in brackets', () => `metadata${'[a]'.repeat(3000)}=1`],
  ['lists of brackets', () => 'metadata[]=1&'.repeat(900)],
  ['large places in lists', () => 'metadata[99999999]=1&limit[1000000]=1'],
  ['the prototype of objects', () => 'metadata[__proto__]=1&__proto__[limit]=1&constructor=1'],
  ['half of a character', (names) => names.map((name) => `${name}=%ed%a0%80`).join('&')],
  ['NUL characters', (names) => [...names, 'after'].map((name) => `${name}=%00`).join('&')],
  ['only signs', () => '&=?&&==%26'.repeat(800)],
  ['all of it as a stream', () => 'stream=true&limit=100'],
];

const headers: readonly (readonly [what: string, headers: Readonly<Record<string, string>>])[] = [
  ['a range of 1,500 parts', { range: `bytes=${'0-0,'.repeat(1500)}1-1` }],
  ['a range that overlaps itself', { range: `bytes=${'0-,'.repeat(1500)}0-` }],
  ['a range without end', { range: 'bytes=0-99999999999999999999999999' }],
  ['a range of a number without end', { range: 'bytes=1e999-' }],
  ['a range of nothing', { range: `bytes=${'-'.repeat(5000)}` }],
  ['an event of 12,000 digits', { 'last-event-id': '9'.repeat(longest) }],
  ['a key of 12,000 characters', { authorization: `Bearer ${'lr-'.repeat(4000)}` }],
  ['a key without a scheme', { authorization: 'a'.repeat(longest) }],
  ['ten thousand languages', { 'accept-language': 'de;q=0.1,'.repeat(1200) }],
  [
    'ten thousand packings',
    { 'accept-encoding': 'gzip;q=0.1,'.repeat(1000), accept: '*/*;q=0.1,'.repeat(200) },
  ],
  ['odd dates and tags', { 'if-range': '"'.repeat(5000), 'if-none-match': '"a",'.repeat(1500) }],
  [
    '200 headers',
    Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-header-${i}`, 'a'.repeat(40)])),
  ],
];

const bodies: readonly (readonly [what: string, type: string, body: string])[] = [
  ['a body of a megabyte', 'application/json', JSON.stringify('a'.repeat(1_000_000))],
  ['a body of lists in lists', 'application/json', '['.repeat(450_000)],
  ['a body of texts', 'application/json', `[${'"a",'.repeat(200_000)}1]`],
  ['an upload', 'multipart/form-data; boundary=x', '--x\r\n'.repeat(100_000)],
  ['a form', 'application/x-www-form-urlencoded', 'a[]=1&'.repeat(100_000)],
  ['a body of nothing known', 'a/b;'.repeat(2000), '\0'.repeat(500_000)],
];

export function hostileHeads(route: Route, world: World): HostileRequest[] {
  const { method } = route;
  const path = pathOf(route, world);
  const hasId = route.path.includes('{');
  return [
    ...ids.map(([what, id]) => ({ what, method, path: hasId ? pathOf(route, world, id) : `${path}/${id}` })),
    ...queries.map(([what, query]) => ({
      what: `a query with ${what}`,
      method,
      path: `${path}?${query(route.query)}`,
    })),
    ...headers.map(([what, headers]) => ({ what, method, path, headers })),
    ...bodies.map(([what, type, body]) => ({ what, method, path, headers: { 'content-type': type }, body })),
  ];
}
