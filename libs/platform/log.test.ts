import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog, type Log } from '#platform/log.js';

function capture(): { log: Log; entries: () => Record<string, unknown>[]; text: () => string } {
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return {
    log: createLog({ level: 'info', name: 'test' }, sink),
    text: () => text,
    entries: () =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

test('an entry has time, level, name, process and message', () => {
  const { log, entries } = capture();
  log.info({ jobId: 'ftjob-x' }, 'a job began');
  log.debug('not shown');
  expect(entries()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      name: 'test',
      pid: process.pid,
      jobId: 'ftjob-x',
      msg: 'a job began',
    },
  ]);
});

test('secrets do not reach the log, in properties, urls, errors or messages', () => {
  const { log, text } = capture();
  log.info(
    { password: 'canary-1', s3: { secretKey: 'canary-2' }, a: { b: { databaseUrl: 'canary-3' } } },
    'opened',
  );
  log.info('connecting to postgres://user:canary-4@db:5432/x and redis://:canary-5@redis/0');
  const cause = new Error('no route to postgres://u:canary-6@db/x');
  log.warn({ err: new Error('Authorization: Bearer canary-7.abc', { cause }) }, 'failed');
  log.info({ req: { headers: { authorization: 'Bearer canary-8', cookie: 'canary-9' } } }, 'asked');
  log.info(`the keys lr-abcdecanary-${'x'.repeat(40)} and sk-abcdecanary-10-abcdefghijkl were used`);
  log.info('https://s3/x?X-Amz-Signature=canary-11&X-Amz-Credential=canary-12');
  log.child({ token: 'canary-13' }).info('child');
  expect(text()).not.toContain('canary-');
  expect(text()).toContain('postgres://user:***@db:5432/x');
});

test.each([
  ['letters', 'a'.repeat(900_000)],
  ['addresses', 'a://b'.repeat(180_000)],
  ['colons', `x://${':'.repeat(900_000)}`],
  ['keys', 'sk-aaaaa'.repeat(110_000)],
  ['spaces', `Bearer ${' '.repeat(900_000)}!`],
])('a long text of %s is logged in a moment, and not whole', (_, long) => {
  const { log, text } = capture();
  const start = performance.now();
  log.error({ err: new Error(long) }, long);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(text().length).toBeLessThan(100_000);
});

test('an error shows its class, message, stack, code and cause', () => {
  const { log, entries } = capture();
  const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E_TEST' });
  log.error({ err: error }, 'failed');
  expect(entries()[0]!['err']).toEqual({
    type: 'TypeError',
    message: 'outer: inner',
    stack: expect.stringContaining('log.test.ts') as string,
    code: 'E_TEST',
  });
});
