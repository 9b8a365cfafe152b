import { request as httpRequest } from 'node:http';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, fileForm, startApi, sums } from './api-server.js';

const maxBytes = 100_000;
let api: ApiServer;
beforeAll(async () => {
  api = await startApi({
    environment: { MAX_FILE_BYTES: String(maxBytes) },
    pace: { idleSeconds: 3, graceSeconds: 60, bytesPerSecond: 1 },
  });
}, 120_000);
afterAll(() => api[Symbol.asyncDispose]());

async function storedObjects(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of api.platform.objects.list('')) keys.push(key);
  return keys;
}

/** What lies on the disk until it is checked. */
async function spooled(): Promise<string[]> {
  return readdir(join(api.home, 'tmp', 'uploads')).catch(() => []);
}

/** Sends pieces of a body by hand; a piece of undefined ends nothing. */
function sendRaw(
  pieces: readonly (string | Buffer)[],
  { end = true, headers = {} }: { end?: boolean; headers?: Record<string, string | number> } = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${api.url}/v1/files`,
      { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=xyz', ...headers } },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () => resolve({ status: response.statusCode!, body }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    for (const piece of pieces) sent.write(piece);
    if (end) sent.end();
    else sent.flushHeaders();
  });
}

const purposePart = '--xyz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n';
const fileHead = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n';
const formEnd = '\r\n--xyz--\r\n';

describe('an upload', () => {
  test('is answered with what the file holds, and its bytes come back', async () => {
    const content = sums(20);
    const { status, body } = await api.call('POST', '/v1/files', fileForm(content, 'dir/sums.jsonl'));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'file',
      bytes: content.length,
      filename: 'sums.jsonl',
      purpose: 'fine-tune',
      report: { kind: 'chat', rows: 20, unknown_fields: {}, warnings: [] },
    });
    expect(body.id).toMatch(/^file-[A-Za-z0-9]{24}$/);
    expect((await api.call('GET', `/v1/files/${body.id}`)).body).toEqual(body);
    const bytes = await api.call('GET', `/v1/files/${body.id}/content`);
    expect(bytes.text).toBe(content);
    expect(bytes.headers.get('content-length')).toBe(String(content.length));
    expect(await spooled()).toEqual([]);
  });

  test('is answered with what only some chat templates show', async () => {
    const rows = [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b', reasoning: 'c' },
        ],
      },
      {
        messages: [
          { role: 'user', content: 'a', mood: 'glad' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
        ],
        tools: [{ type: 'function', function: { name: 'f' } }],
      },
      {
        messages: [
          { role: 'user', content: 'a', name: null },
          { role: 'assistant', content: 'b', weight: null },
        ],
      },
    ];
    const content = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const { status, body } = await api.call('POST', '/v1/files', fileForm(content, 'tools.jsonl'));
    expect(status).toBe(200);
    const { warnings } = body.report as { warnings: { code: string; message: string }[] };
    expect(warnings.map(({ code }) => code)).toEqual([
      'holds_reasoning',
      'holds_tools',
      'holds_field',
      'holds_tool_calls',
    ]);
    for (const { message } of warnings) expect(message).toContain('1 of 3 rows');
  });

  test('may name its purpose after the file', async () => {
    const { status } = await sendRaw([fileHead, sums(1), '\r\n', purposePart, '--xyz--\r\n']);
    expect(status).toBe(200);
  });

  test('of bad rows is refused with line, field and fix of each, and nothing is kept', async () => {
    const before = await storedObjects();
    const content = '{"messages": [{"role": "user"}]}\nnot json\n{"text": "fine"}\n';
    const { status, body, headers } = await api.call('POST', '/v1/files', fileForm(content));
    expect(status).toBe(400);
    expect(headers.get('x-should-retry')).toBe('false');
    const { error } = body as unknown as { error: { message: string; param: string; problems: object[] } };
    expect(error).toMatchObject({ type: 'invalid_request_error', code: 'invalid_data', param: 'file' });
    expect(error.message).toContain('train.jsonl, line 1, messages[0].content');
    expect(error.message).toContain('line 2');
    expect(error.problems).toContainEqual(expect.objectContaining({ line: 2, code: 'invalid_json' }));
    expect(await storedObjects()).toEqual(before);
    expect(await spooled()).toEqual([]);
  });

  test('of many bad rows is refused while it still comes', async () => {
    const { status, body } = await sendRaw([purposePart, fileHead, '{"text": 1}\n'.repeat(60)], {
      end: false,
    });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'invalid_data' } });
    await expect.poll(spooled).toEqual([]);
  });

  test('with hundreds of bad rows names 50', async () => {
    const { body } = await api.call('POST', '/v1/files', fileForm('{"a": 1}\n'.repeat(300)));
    const { error } = body as unknown as { error: { problems: object[] } };
    expect(error.problems.length).toBeLessThanOrEqual(50);
  });

  test.each([
    ['an empty file', ''],
    ['a gzip', Buffer.from('1f8b0800000000000000', 'hex')],
    ['an array of numbers', '[1]\n'],
  ])('of %s is refused', async (_, content) => {
    const { status, body } = await api.call('POST', '/v1/files', fileForm(content));
    expect(status).toBe(400);
    expect(body.error['code']).toBe('invalid_data');
  });

  test('for another purpose is refused and names the purpose', async () => {
    const { status, body } = await api.call('POST', '/v1/files', fileForm(sums(1), 'a.jsonl', 'assistants'));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      param: 'purpose',
      message: expect.stringContaining('assistants') as unknown,
    });
  });

  test('beyond the limit is refused before it is read if it says so, and after the limit if not', async () => {
    const before = await storedObjects();
    const row = `${JSON.stringify({ text: 'a'.repeat(990) })}\n`;
    const large = row.repeat(Math.ceil(maxBytes / row.length) + 100);
    const declared = await sendRaw([purposePart, fileHead], {
      end: false,
      headers: { 'content-length': maxBytes * 1000 },
    });
    expect(declared.status).toBe(413);
    const chunked = await sendRaw([purposePart, fileHead, large, formEnd]);
    expect(chunked.status).toBe(413);
    expect(JSON.parse(chunked.body)).toMatchObject({ error: { code: 'file_too_large', param: 'file' } });
    expect(await storedObjects()).toEqual(before);
    expect(await spooled()).toEqual([]);
  });

  test('of exactly the limit is taken, one byte more is not', async () => {
    const fill = (bytes: number) =>
      `{"text": "${'a'.repeat(bytes - 13)}"}\n`.slice(0, bytes - 1).concat('\n');
    const exact = fill(maxBytes);
    expect(exact.length).toBe(maxBytes);
    expect((await api.call('POST', '/v1/files', fileForm(exact))).status).toBe(200);
    expect((await api.call('POST', '/v1/files', fileForm(`${exact}\n`))).status).toBe(413);
  });

  test('that stops coming is cut', async () => {
    const { status, body } = await sendRaw([purposePart, fileHead, sums(2)], { end: false });
    expect(status).toBe(408);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'request_timeout' } });
    await expect.poll(spooled).toEqual([]);
  });

  test('that never ends is cut at the limit', async () => {
    const answer = new Promise<number>((resolve, reject) => {
      const sent = httpRequest(
        `${api.url}/v1/files`,
        { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=xyz' } },
        (response) => {
          clearInterval(timer);
          response.resume();
          resolve(response.statusCode!);
          sent.destroy();
        },
      );
      sent.on('error', reject);
      sent.write(purposePart + fileHead);
      const timer = setInterval(() => sent.write(sums(100)), 10);
    });
    expect(await answer).toBe(413);
    await expect.poll(spooled).toEqual([]);
  });

  test('whose connection breaks leaves nothing', async () => {
    const before = await storedObjects();
    await new Promise<void>((resolve) => {
      const sent = httpRequest(`${api.url}/v1/files`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=xyz', 'content-length': 50_000 },
      });
      sent.on('error', () => resolve());
      sent.write(purposePart + fileHead + sums(3), () => sent.destroy(new Error('gone')));
    });
    await expect.poll(spooled).toEqual([]);
    expect(await storedObjects()).toEqual(before);
  });

  test.each([
    ['no form', { 'content-type': 'application/json' }, '{}', 'not_multipart'],
    ['no boundary', { 'content-type': 'multipart/form-data' }, 'x', 'not_multipart'],
    ['a form that breaks off', {}, purposePart + fileHead, 'invalid_form'],
    ['a form without a file', {}, `${purposePart}--xyz--\r\n`, 'missing_file'],
    [
      'two files',
      {},
      `${purposePart}${fileHead}${sums(1)}\r\n${fileHead}${sums(1)}${formEnd}`,
      'invalid_request',
    ],
    [
      'a file that is a text',
      {},
      `${purposePart}--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\nx${formEnd}`,
      'invalid_request',
    ],
    [
      'an unknown field',
      {},
      `--xyz\r\nContent-Disposition: form-data; name="colour"\r\n\r\nred\r\n${purposePart}${fileHead}${sums(1)}${formEnd}`,
      'invalid_request',
    ],
    ['no purpose', {}, `${fileHead}${sums(1)}${formEnd}`, 'invalid_request'],
  ])('of %s is refused', async (_, headers, content, code) => {
    const { status, body } = await sendRaw([content], { headers: headers });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ error: { code } });
    await expect.poll(spooled).toEqual([]);
  });

  test('with an Idempotency-Key is one file, however often it comes', async () => {
    const before = (await storedObjects()).length;
    const headers = { 'idempotency-key': 'upload-1' };
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => api.call('POST', '/v1/files', fileForm(sums(3)), headers)),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await storedObjects()).length).toBe(before + 1);
    const other = await api.call('POST', '/v1/files', fileForm(sums(4)), headers);
    expect(other.status).toBe(422);
    expect(other.headers.get('x-should-retry')).toBe('false');
    expect((await storedObjects()).length).toBe(before + 1);
  });
});

describe('files', () => {
  test('are listed in pages without gaps, newest first or oldest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await api.call('POST', '/v1/files', fileForm(sums(1)))).body.id);
    for (const order of ['desc', 'asc']) {
      const seen: string[] = [];
      let after = '';
      for (;;) {
        const { body } = await api.call('GET', `/v1/files?limit=2&order=${order}${after}`);
        const data = body.data;
        expect(body).toMatchObject({ first_id: data[0]!.id, last_id: data.at(-1)!.id });
        seen.push(...data.map(({ id }) => id));
        if (!body.has_more) break;
        after = `&after=${data.at(-1)!.id}`;
      }
      const ours = seen.filter((id) => ids.includes(id));
      expect(ours).toEqual(order === 'asc' ? ids : ids.toReversed());
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=x', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['order=up', 'order'],
    ['colour=red', 'colour'],
    ['after=file-none', 'after'],
  ])('are not listed for ?%s', async (query, param) => {
    const { status, body } = await api.call('GET', `/v1/files?${query}`);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ param });
  });

  test('that are deleted are gone for their owner, and their bytes with them', async () => {
    const { id } = (await api.call('POST', '/v1/files', fileForm(sums(1)))).body;
    expect((await storedObjects()).join()).toContain(id);
    expect((await api.call('DELETE', `/v1/files/${id}`)).body).toEqual({ id, object: 'file', deleted: true });
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/content'],
      ['DELETE', ''],
    ] as const) {
      const { status, body } = await api.call(method, `/v1/files/${id}${path}`);
      expect(status).toBe(404);
      expect(body.error).toMatchObject({ code: 'file_not_found' });
    }
    expect((await storedObjects()).join()).not.toContain(id);
  });
});
