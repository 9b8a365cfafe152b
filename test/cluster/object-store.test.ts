import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { S3Configuration } from '#platform/config.js';
import { S3Store } from '#platform/objects/s3-store.js';
import { describeObjectStore } from '../contract/object-store.contract.js';
import { type SignedS3, startSignedS3 } from './signed-s3.js';

describeObjectStore('a bucket', async () => {
  const server = await startSignedS3();
  return {
    store: await S3Store.open(server.configuration),
    other: await S3Store.open(server.configuration),
    leftovers: () => server.unfinishedUploads(),
    close: () => server.close(),
  };
});

describe('a bucket behind a server that checks signatures', () => {
  let server: SignedS3;
  beforeAll(async () => {
    server = await startSignedS3();
    await S3Store.open(server.configuration);
  }, 60_000);
  afterAll(() => server.close());

  const openWith = (changes: Partial<S3Configuration>): Promise<S3Store> =>
    S3Store.open({ ...server.configuration, ...changes });

  test.each([
    ['secret', { secretKey: 'another-secret-of-the-tests' }, 'SignatureDoesNotMatch'],
    ['access key', { accessKey: 'nobody' }, 'InvalidAccessKeyId'],
  ])(
    'is closed to a wrong %s, and the error tells what to check but no secret',
    async (_, changes, reason) => {
      const failure = await openWith(changes).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'store_unavailable' });
      const { message } = failure as Error;
      expect(message).toContain('S3_ACCESS_KEY');
      expect(message).toMatch(new RegExp(`${reason}|AccessDenied`));
      expect(message).not.toContain(server.configuration.secretKey);
      expect(message).not.toContain('another-secret');
    },
  );

  test('says what to check when nobody answers, and works again once somebody does', async () => {
    const store = await openWith({});
    const reappear = await server.disappear();
    await expect(store.put('jobs/a', Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.ping()).rejects.toThrow(/S3_ENDPOINT/);
    await expect(openWith({})).rejects.toMatchObject({ code: 'store_unavailable' });
    await reappear();
    await store.ping();
    await store.put('jobs/a', Buffer.from('x'));
    expect((await store.head('jobs/a')).bytes).toBe(1);
  });

  test('makes the bucket if it is missing', async () => {
    const store = await openWith({ bucket: 'made-by-the-store' });
    await store.put('jobs/a', Buffer.from('x'));
    const again = await openWith({ bucket: 'made-by-the-store' });
    expect((await again.head('jobs/a')).bytes).toBe(1);
  });

  test('takes a bucket that others make at the same time', async () => {
    const stores = Array.from({ length: 8 }, () => openWith({ bucket: 'made-by-eight' }));
    for (const store of await Promise.all(stores)) await expect(store.ping()).resolves.toBeUndefined();
  });
});
