import { describe, expect, test } from 'vitest';
import { LowrankError } from '#base/errors.js';
import { isPassing, whenReachable } from '#jobs/retrying.js';

const withCode = (code: string, extra = {}) => Object.assign(new Error(code), { code, ...extra });

describe('a failure of the database passes', () => {
  test.each([
    ['a refused connection', withCode('ECONNREFUSED')],
    ['a missing socket', withCode('ENOENT', { syscall: 'connect' })],
    ['a server that shuts down', withCode('57P01')],
    ['a server that starts', withCode('57P03')],
    ['a deadlock', withCode('40P01')],
    ['a full disk', withCode('53100')],
    ['a connection that broke', new Error('Connection terminated unexpectedly')],
    [
      'a connection that broke within a transaction',
      new Error('Query runner already released. Cannot run queries anymore.'),
    ],
    ['one of several addresses', new AggregateError([withCode('ECONNREFUSED')])],
    ['an error around such a one', new LowrankError('store_full', 'x', { cause: withCode('ECONNRESET') })],
    ["TypeORM's error around such a one", Object.assign(new Error('x'), { driverError: withCode('57P01') })],
  ])('if it is %s', (_, error) => expect(isPassing(error)).toBe(true));

  test.each([
    ['a missing file', withCode('ENOENT', { syscall: 'open' })],
    ['a wrong query', withCode('42601')],
    ['a key that is taken', withCode('23505')],
    ['an error of the program', new TypeError('x is undefined')],
    ['no error', 'text'],
  ])('not if it is %s', (_, error) => expect(isPassing(error)).toBe(false));
});

describe('work that needs the database', () => {
  test('is done again until it is reached', async () => {
    let tries = 0;
    const waits: unknown[] = [];
    const result = await whenReachable(
      () => (++tries < 3 ? Promise.reject(withCode('ECONNREFUSED')) : Promise.resolve('done')),
      { onWaiting: (error) => waits.push(error) },
    );
    expect([result, tries, waits.length]).toEqual(['done', 3, 1]);
  });

  test('fails at once with what does not pass, and in the end with what did not', async () => {
    let tries = 0;
    const failing = (error: Error) => () => {
      tries++;
      return Promise.reject(error);
    };
    await expect(whenReachable(failing(withCode('23505')))).rejects.toThrow('23505');
    expect(tries).toBe(1);
    await expect(whenReachable(failing(withCode('57P01')), { seconds: 0.2 })).rejects.toThrow('57P01');
    expect(tries).toBeGreaterThan(2);
  });

  test('is given up with the reason of the signal', async () => {
    const abort = new AbortController();
    const waiting = whenReachable(() => Promise.reject(withCode('57P01')), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
