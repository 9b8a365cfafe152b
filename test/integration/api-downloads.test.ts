/** Every route that serves a file: whole, in parts, and not at all to whoever has it. */
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { StoredFile } from '#platform/database/entities/stored-file.js';
import { Task } from '#platform/database/entities/task.js';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';
import { storeAdapter } from './composed-adapters.js';

let api: ApiServer;
/** Paths as the document has them, with ids put in. */
let paths: Readonly<Record<string, string>>;
let adapter: string;

const weights = 'adapter_model.safetensors';

beforeAll(async () => {
  api = await startApi();
  const job = await api.smallJob();
  adapter = await storeAdapter(api.platform, { seed: 1, r: 2 });
  const { manager } = api.platform.database;
  const { files } = await manager.findOneByOrFail(Adapter, { id: adapter });
  const { id } = (await api.call('POST', '/v1/fine_tuning/jobs', job)).body;
  const { attempt } = (await new Claims(api.platform).claimJob(id, 'worker-t', 'cpu'))!;
  await writeProgress(
    api.platform,
    { jobId: id, attempt },
    { checkpoint: { step: 1, best: true, files, metrics: {} } },
  );
  const checkpoint = await manager.findOneByOrFail(Checkpoint, { jobId: id });
  const made = (await api.call('POST', '/v1/exports', { adapter })).body.id;
  const inFolder = { ...files.find(({ path }) => path === weights)!, path: `folder/${weights}` };
  await manager.update(
    Task,
    { id: made },
    { state: 'succeeded', files: [...files, inFolder], finishedAt: new Date() },
  );
  const link = (await api.call('POST', '/v1/shares', { adapter })).body['path'] as string;
  paths = {
    '/v1/files/{id}/content': `/v1/files/${job.training_file}/content`,
    '/v1/adapters/{id}/files/{name}': `/v1/adapters/${adapter}/files/${weights}`,
    '/v1/adapters/{id}/archive': `/v1/adapters/${adapter}/archive`,
    '/v1/exports/{id}/files/{name}': `/v1/exports/${made}/files/${weights}`,
    '/v1/fine_tuning/jobs/{id}/checkpoints/{checkpoint}/archive': `/v1/fine_tuning/jobs/${id}/checkpoints/${checkpoint.id}/archive`,
    '/s/{token}/files/{name}': `${link}/files/${weights}`,
  };
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const response = await fetch(`${api.url}${path}`, { method, headers });
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}
const range = (path: string, ranges: string, headers: Record<string, string> = {}) =>
  get(path, { range: `bytes=${ranges}`, ...headers });

/** The parts of a multipart/byteranges body: what each says of its place, and its bytes. */
function partsOf({
  headers,
  bytes,
}: Answer): { place: string | undefined; type: string | undefined; bytes: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers.get('content-type') ?? '')?.[1];
  const text = bytes.toString('latin1');
  const [before, ...pieces] = text.split(`\r\n--${boundary}`);
  expect(before).toBe('');
  expect(pieces.pop()).toBe('--\r\n');
  return pieces.map((piece) => {
    const [head = '', ...rest] = piece.split('\r\n\r\n');
    return {
      place: /content-range: (.*)/i.exec(head)?.[1],
      type: /content-type: (.*)/i.exec(head)?.[1],
      bytes: Buffer.from(rest.join('\r\n\r\n'), 'latin1'),
    };
  });
}

test('the table has every route of the document that serves files', async () => {
  const { paths: documented } = (await api.call('GET', '/docs-json')).body as unknown as {
    paths: Record<string, { get?: { responses: Record<string, { content?: Record<string, unknown> }> } }>;
  };
  const serving = Object.entries(documented).filter(([, { get: route }]) => {
    const types = Object.keys(route?.responses['200']?.content ?? {});
    return types.some((type) => !/json|text/.test(type));
  });
  // What is made of a job's metrics when it is asked for is no file that lies there.
  const made = '/v1/fine_tuning/jobs/{id}/trackers/{tracker}';
  expect(serving.map(([path]) => path).toSorted()).toEqual([...Object.keys(paths), made].toSorted());
  for (const [path, { get: route }] of serving.filter(([path]) => path !== made))
    expect(Object.keys(route!.responses), path).toContain('206');
});

const routes = [
  '/v1/files/{id}/content',
  '/v1/adapters/{id}/files/{name}',
  '/v1/adapters/{id}/archive',
  '/v1/exports/{id}/files/{name}',
  '/v1/fine_tuning/jobs/{id}/checkpoints/{checkpoint}/archive',
  '/s/{token}/files/{name}',
];

describe.each(routes)('%s', (route) => {
  const place = () => paths[route]!;

  test('serves the whole with its length and a digest', async () => {
    const whole = await get(place());
    expect(whole.status).toBe(200);
    const { headers, bytes } = whole;
    expect(headers.get('content-length')).toBe(String(bytes.length));
    expect(headers.get('accept-ranges')).toBe('bytes');
    expect(headers.get('etag')).toMatch(/^"[0-9a-f]{64}"$/);
    expect(headers.get('cache-control')).toMatch(/no-cache|no-store/);
  });

  test('serves one range, from the start, within, to the end and of the end', async () => {
    const { bytes } = await get(place());
    const n = bytes.length;
    for (const [asked, first, last] of [
      ['0-0', 0, 0],
      ['0-99', 0, 99],
      ['10-19', 10, 19],
      [`${n - 5}-`, n - 5, n - 1],
      ['700-', 700, n - 1],
      [`500-${n + 1000}`, 500, n - 1],
      ['-7', n - 7, n - 1],
      [`-${n + 5}`, 0, n - 1],
      ['5-6,7-8,0-5', 0, 8],
      [`${n}-,3-4`, 3, 4],
    ] as const) {
      const part = await range(place(), asked);
      expect({ asked, status: part.status }).toEqual({ asked, status: 206 });
      expect(part.headers.get('content-range'), asked).toBe(`bytes ${first}-${last}/${n}`);
      expect(part.headers.get('content-length'), asked).toBe(String(last - first + 1));
      expect(part.bytes.equals(bytes.subarray(first, last + 1)), asked).toBe(true);
    }
  });

  test('serves several ranges as parts, in the order in which they were asked for', async () => {
    const { bytes, headers } = await get(place());
    const n = bytes.length;
    const answer = await range(place(), '600-1100, 0-9, -3');
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length));
    const parts = partsOf(answer);
    const places = [
      [600, 1100],
      [0, 9],
      [n - 3, n - 1],
    ] as const;
    expect(parts.map(({ place: told }) => told)).toEqual(
      places.map(([first, last]) => `bytes ${first}-${last}/${n}`),
    );
    for (const [i, [first, last]] of places.entries()) {
      expect(parts[i]!.bytes.equals(bytes.subarray(first, last + 1))).toBe(true);
      expect(parts[i]!.type).toBe(headers.get('content-type'));
    }
  });

  test('refuses with the size what is not there, and takes no notice of what is no range', async () => {
    const { bytes } = await get(place());
    for (const asked of [`${bytes.length}-`, `${bytes.length}-${bytes.length + 9}`, '-0']) {
      const { status, headers, bytes: body } = await range(place(), asked);
      expect({ asked, status }).toEqual({ asked, status: 416 });
      expect(headers.get('content-range')).toBe(`bytes */${bytes.length}`);
      expect(JSON.parse(body.toString())).toMatchObject({ error: { code: 'range_not_satisfiable' } });
    }
    for (const asked of ['a-b', '5-2', '-', '', '1-2;3-4']) {
      const { status, headers, bytes: body } = await range(place(), asked);
      expect({ asked, status }).toEqual({ asked, status: 200 });
      expect(headers.has('content-range')).toBe(false);
      expect(body.equals(bytes)).toBe(true);
    }
  });

  test('goes on only with the file that the client has', async () => {
    const { bytes, headers } = await get(place());
    const etag = headers.get('etag')!;
    const modified = headers.get('last-modified')!;
    for (const same of [etag, modified]) {
      expect((await range(place(), '5-', { 'if-range': same })).status).toBe(206);
    }
    for (const other of [`"${'0'.repeat(64)}"`, `W/${etag}`, new Date(0).toUTCString(), 'x']) {
      const answer = await range(place(), '5-', { 'if-range': other });
      expect({ other, status: answer.status }).toEqual({ other, status: 200 });
      expect(answer.bytes.equals(bytes)).toBe(true);
    }
  });

  test('sends nothing to who has it, and nothing else to who wants that one', async () => {
    const { headers } = await get(place());
    const etag = headers.get('etag')!;
    const modified = headers.get('last-modified')!;
    for (const known of [
      { 'if-none-match': etag },
      { 'if-none-match': `"x", ${etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': modified },
    ] as Record<string, string>[]) {
      const answer = await get(place(), known);
      expect({ known, status: answer.status, length: answer.bytes.length }).toEqual({
        known,
        status: 304,
        length: 0,
      });
      expect(answer.headers.get('etag')).toBe(etag);
    }
    expect((await get(place(), { 'if-none-match': '"x"' })).status).toBe(200);
    expect((await get(place(), { 'if-match': `"x", ${etag}` })).status).toBe(200);
    expect((await get(place(), { 'if-unmodified-since': modified })).status).toBe(200);
    for (const other of [
      { 'if-match': '"x"' },
      { 'if-unmodified-since': new Date(0).toUTCString() },
    ] as Record<string, string>[]) {
      expect((await get(place(), other)).status).toBe(412);
    }
  });

  test('tells the same headers without the content', async () => {
    const whole = await get(place());
    const head = await get(place(), { range: 'bytes=0-5' }, 'HEAD');
    expect({ status: head.status, length: head.bytes.length }).toEqual({ status: 200, length: 0 });
    for (const name of [
      'content-length',
      'content-type',
      'content-disposition',
      'etag',
      'accept-ranges',
      'last-modified',
    ]) {
      expect(head.headers.get(name), name).toBe(whole.headers.get(name));
    }
  });
});

test('the digest of a file that lies in the store is that of its bytes', async () => {
  for (const path of Object.values(paths).filter((one) => !one.endsWith('archive'))) {
    const { headers, bytes } = await get(path);
    expect(headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
  }
});

test('a file in a folder of an export has the path of both, written either way', async () => {
  const path = paths['/v1/exports/{id}/files/{name}']!;
  const { bytes } = await get(path);
  for (const name of [`folder/${weights}`, `folder%2F${weights}`]) {
    const found = await get(path.replace(weights, name));
    expect(found.bytes.equals(bytes)).toBe(true);
    expect(found.headers.get('content-disposition')).toBe(`attachment; filename="folder_${weights}"`);
  }
  for (const name of ['folder', `other/${weights}`, `folder/..%2F${weights}`]) {
    expect((await get(path.replace(weights, name))).status).toBe(404);
  }
});

test('an empty export file has no range', async () => {
  const stored = await api.platform.objects.put('exports-of-tests/empty', Buffer.alloc(0));
  const made = (await api.call('POST', '/v1/exports', { adapter })).body.id;
  const files = [{ path: 'empty', ...stored }];
  await api.platform.database.manager.update(Task, { id: made }, { state: 'succeeded', files });
  const path = `/v1/exports/${made}/files/empty`;
  expect(await get(path)).toMatchObject({ status: 200, bytes: Buffer.alloc(0) });
  expect((await range(path, '0-')).status).toBe(416);
  expect((await get(path, {}, 'HEAD')).headers.get('content-length')).toBe('0');
});

describe('a file that was damaged in the store', () => {
  /** A file of several pieces of the disk's buffer. */
  async function damaged(): Promise<{ path: string; content: Buffer }> {
    const { id } = (await api.call('POST', '/v1/files', fileForm(sums(4000)))).body;
    const { objectKey } = await api.platform.database.manager.findOneByOrFail(StoredFile, { id });
    const content = Buffer.from(sums(4000));
    content[10] = 'X'.charCodeAt(0);
    await api.platform.objects.delete(objectKey!);
    await api.platform.objects.put(objectKey!, content);
    return { path: `/v1/files/${id}/content`, content };
  }

  test('is never given out to its end, in one piece or in parts', async () => {
    const { path, content } = await damaged();
    await expect(get(path)).rejects.toThrow('terminated');
    await expect(range(path, '1000-')).rejects.toThrow('terminated');
    expect((await range(path, '-5')).status).toBe(500);
    expect((await range(path, '100-199')).bytes.equals(content.subarray(100, 200))).toBe(true);
  });

  test('that is mended is given out again', async () => {
    const { path } = await damaged();
    expect((await range(path, '-5')).status).toBe(500);
    const { objectKey } = await api.platform.database.manager.findOneByOrFail(StoredFile, {
      id: path.split('/')[3]!,
    });
    await api.platform.objects.delete(objectKey!);
    await api.platform.objects.put(objectKey!, Buffer.from(sums(4000)));
    expect((await range(path, '-5')).bytes.toString()).toBe(sums(4000).slice(-5));
  });
});

test('a link that counts its downloads is served whole, and each is counted', async () => {
  const { id, path } = (await api.call('POST', '/v1/shares', { adapter, max_downloads: 2 }))
    .body as unknown as { id: string; path: string };
  const place = `${path}/files/${weights}`;
  expect((await get(place, {}, 'HEAD')).status).toBe(200);
  for (let i = 0; i < 2; i++) {
    const answer = await range(place, '10-19');
    expect(answer.status).toBe(200);
    expect(answer.headers.has('accept-ranges')).toBe(false);
  }
  expect((await range(place, '10-19')).status).toBe(404);
  expect((await api.call('GET', `/v1/shares/${id}`)).body['downloads']).toBe(2);
});

test('a link without a bound counts who begins to fetch, not who goes on', async () => {
  const { id, path } = (await api.call('POST', '/v1/shares', { adapter })).body as unknown as {
    id: string;
    path: string;
  };
  const place = `${path}/files/${weights}`;
  for (const ranges of ['0-', '100-', '-5', '5-6,0-1']) expect((await range(place, ranges)).status).toBe(206);
  expect((await api.call('GET', `/v1/shares/${id}`)).body['downloads']).toBe(2);
});

test('a client that goes in the middle of a part leaves nothing open', async () => {
  const { id } = (await api.call('POST', '/v1/files', fileForm(sums(40_000)))).body;
  await new Promise<void>((resolve, reject) => {
    const asked = httpRequest(
      `${api.url}/v1/files/${id}/content`,
      { headers: { range: 'bytes=5-' } },
      (response) => {
        response.once('data', () => {
          response.destroy();
          resolve();
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
  expect((await range(`/v1/files/${id}/content`, '-5')).status).toBe(206);
});

test('nothing else says that it takes ranges', async () => {
  for (const path of ['/v1/files', '/v1/models', '/health', '/docs-json', '/metrics', '/v1/adapters']) {
    const { status, headers } = await range(path, '0-1');
    expect({ path, status }).toEqual({ path, status: 200 });
    expect(headers.get('accept-ranges'), path).toBeNull();
  }
});
