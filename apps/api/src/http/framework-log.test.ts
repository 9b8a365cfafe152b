import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog } from '#platform/log.js';
import { frameworkLog } from './framework-log.js';

function capture() {
  const entries: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      entries.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  return { logger: frameworkLog(createLog({ level: 'info', name: 'api' }, sink)), entries };
}

test('what Nest says becomes entries of the log that name the part of Nest', () => {
  const { logger, entries } = capture();
  logger.log('Nest application successfully started', 'NestApplication');
  logger.warn('a warning');
  logger.error('it broke', 'Error: it broke\n    at x', 'ExceptionsHandler');
  logger.error(new TypeError('thrown'), 'ExceptionsHandler');
  expect(entries).toMatchObject([
    { level: 'info', msg: 'Nest application successfully started', context: 'NestApplication' },
    { level: 'warn', msg: 'a warning' },
    { level: 'error', msg: 'it broke', context: 'ExceptionsHandler', stack: 'Error: it broke\n    at x' },
    { level: 'error', msg: 'thrown', context: 'ExceptionsHandler', err: { type: 'TypeError' } },
  ]);
  expect(entries[1]).not.toHaveProperty('context');
});

test('the lists of modules and routes are for debugging', () => {
  const { logger, entries } = capture();
  logger.log('Mapped {/v1/files, POST} route', 'RouterExplorer');
  logger.log('AppModule dependencies initialized', 'InstanceLoader');
  expect(entries).toEqual([]);
});

test('secrets in what Nest says stay out of the log', () => {
  const { logger, entries } = capture();
  logger.error('no route to postgres://user:canary-1@db/x', 'Bearer canary-2', 'TypeOrm');
  expect(JSON.stringify(entries)).not.toContain('canary-');
});
