/** Two gigabytes of rows sent in parts: the memory of the API and of the process that checks them stays as it was. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LowrankClient } from '#client/client.js';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';
import { type ApiProcess, startApiProcess } from '../e2e/api-process.js';
import { MemoryWatch } from './memory-watch.js';

const fileBytes = 2e9;
const partBytes = 32 * 2 ** 20;
/** What it may grow by. */
const growthMegabytes = 100;
const moment = 2000;

let postgres: TestPostgres;
let api: ApiProcess;
let client: LowrankClient;
beforeAll(async () => {
  postgres = await startTestPostgres();
  api = await startApiProcess(postgres, { LOG_LEVEL: 'warn' });
  client = new LowrankClient({ url: api.url });
}, 240_000);
afterAll(async () => {
  api?.child.kill('SIGTERM');
  await api?.exited;
  await postgres?.remove();
});

/** A part of rows of which no two are the same, cut anywhere. */
function* partsOfRows(bytes: number): Generator<Buffer> {
  let rest = bytes;
  let row = 0;
  let text = '';
  const padding = 'The time is out of joint, and so are these words. '.repeat(18);
  while (rest > 0) {
    while (text.length < partBytes) {
      const content = `${row} ${padding.slice(row % 50)}`;
      const answer = { role: 'assistant', content: `It is ${row}.` };
      text += `${JSON.stringify({ messages: [{ role: 'user', content }, answer] })}\n`;
      row++;
    }
    // The last row is cut off, and a line end does for what is left of it.
    const size = Math.min(partBytes, rest);
    const part = Buffer.from(text.slice(0, size));
    if (size === rest) part.fill(10, part.lastIndexOf(10));
    yield part;
    text = text.slice(size);
    rest -= size;
  }
}

async function sent(bytes: number): Promise<void> {
  const about = { filename: 'rows.jsonl', purpose: 'fine-tune', mime_type: 'text/jsonl', bytes } as const;
  const { id } = await client.files.uploads.create(about);
  const partIds: string[] = [];
  for (const part of partsOfRows(bytes)) {
    const data = new Blob([new Uint8Array(part)]);
    partIds.push((await client.files.uploads.addPart(id, data)).id);
  }
  const { file } = await client.files.uploads.complete(id, partIds);
  expect(file).toMatchObject({ bytes, report: { kind: 'chat' } });
}

async function mostDuring(work: Promise<void>) {
  const memory = new MemoryWatch(api.child.pid!);
  await work;
  await delay(moment);
  return memory.stop();
}

test('a file of 2 GB grows the memory of the API by less than 100 MB', { timeout: 1_200_000 }, async () => {
  const before = await mostDuring(sent(1e6));
  const begun = performance.now();
  const most = await mostDuring(sent(fileBytes));
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`2 GB in ${seconds} s; API at first ${before.api} MB, at most ${most.api} MB`);
  console.log(
    `with what checks files at first ${before.megabytes} MB, at most ${most.megabytes} MB (${most.processes})`,
  );
  expect(most.api).toBeLessThan(before.api + growthMegabytes);
  expect(most.megabytes).toBeLessThan(before.megabytes + growthMegabytes);
});
