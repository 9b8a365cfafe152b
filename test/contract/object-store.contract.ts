/** What every implementation of ObjectStore must do. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#platform/ids.js';
import type { ObjectStore, StoredObject } from '#platform/objects/object-store.js';

export interface StoreBackend {
  readonly store: ObjectStore;
  /** A second client of the same objects. */
  readonly other: ObjectStore;
  /** Things of unfinished writes that lie around. */
  leftovers(): Promise<number>;
  close(): Promise<void>;
}

const MIB = 2 ** 20;

export function describeObjectStore(title: string, start: () => Promise<StoreBackend>): void {
  describe(`the object store in ${title}`, () => {
    let backend: StoreBackend;
    let store: ObjectStore;
    beforeAll(async () => {
      backend = await start();
      ({ store } = backend);
    }, 60_000);
    afterAll(() => backend?.close());

    const newKey = (name = 'a.bin'): string => `jobs/${newId('ftjob')}/${name}`;
    const read = async (key: string, range?: { start: number; length?: number }): Promise<Buffer> =>
      buffer(await backend.other.get(key, range));
    const listed = async (prefix: string): Promise<StoredObject[]> => {
      const found: StoredObject[] = [];
      for await (const object of store.list(prefix)) found.push(object);
      return found;
    };
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    const code = (code: string): object => expect.objectContaining({ name: 'LowrankError', code });

    test.each([
      ['nothing', 0],
      ['a byte', 1],
      ['a few kilobytes', 5000],
      ['exactly one part', 16 * MIB],
      ['a part and a byte', 16 * MIB + 1],
      ['several parts', 40 * MIB + 12_345],
    ])('keeps %s, from a buffer and from a stream, and tells size and digest', async (_, size) => {
      const bytes = randomBytes(size);
      const [fromBuffer, fromStream] = [newKey(), newKey()];
      const expected = { bytes: size, sha256: digest(bytes) };
      expect(await store.put(fromBuffer, bytes)).toEqual({ key: fromBuffer, ...expected });
      const chunks = Readable.from(inChunks(bytes, 100_003));
      expect(await store.put(fromStream, chunks)).toEqual({ key: fromStream, ...expected });
      for (const key of [fromBuffer, fromStream]) {
        expect(digest(await read(key))).toBe(expected.sha256);
        const head = await backend.other.head(key);
        expect(head).toEqual({ key, bytes: size, modifiedAt: expect.any(Date) as Date });
        expect(Math.abs(head.modifiedAt.getTime() - Date.now())).toBeLessThan(60_000);
      }
    });

    test('gives parts of an object', async () => {
      const key = newKey();
      const bytes = randomBytes(1000);
      await store.put(key, bytes);
      expect(await read(key, { start: 0, length: 10 })).toEqual(bytes.subarray(0, 10));
      expect(await read(key, { start: 990 })).toEqual(bytes.subarray(990));
      expect(await read(key, { start: 500, length: 1 })).toEqual(bytes.subarray(500, 501));
      expect(await read(key, { start: 990, length: 100 })).toEqual(bytes.subarray(990));
      expect(await read(key, { start: 10, length: 0 })).toHaveLength(0);
      expect(await read(key, { start: 1000 })).toHaveLength(0);
      expect(await read(key, { start: 5000, length: 5 })).toHaveLength(0);
    });

    test('says so when there is no such object', async () => {
      const key = newKey();
      await expect(store.get(key)).rejects.toEqual(code('object_missing'));
      await expect(store.get(key, { start: 0, length: 0 })).rejects.toEqual(code('object_missing'));
      await expect(store.head(key)).rejects.toMatchObject({ code: 'object_missing', details: { key } });
      await expect(store.delete(key)).resolves.toBeUndefined();
      await store.put(`${key}/inner`, Buffer.from('x'));
      await expect(store.get(key)).rejects.toEqual(code('object_missing'));
      await expect(store.head(key)).rejects.toEqual(code('object_missing'));
    });

    test('never changes an object', async () => {
      const key = newKey();
      await store.put(key, Buffer.from('first'));
      await expect(store.put(key, Buffer.from('second'))).rejects.toMatchObject({
        code: 'object_exists',
        details: { key },
      });
      const long = Readable.from(inChunks(randomBytes(17 * MIB), 65_536));
      await expect(backend.other.put(key, long)).rejects.toEqual(code('object_exists'));
      expect((await read(key)).toString()).toBe('first');
      expect(await backend.leftovers()).toBe(0);
    });

    test.each([
      ['short', 1000],
      ['long', 17 * MIB],
    ])('lets one of two %s writes at once win', async (_, size) => {
      const key = newKey();
      const contents = [randomBytes(size), randomBytes(size), randomBytes(size)];
      const writes = await Promise.allSettled(
        contents.map(async (bytes, i) =>
          (i === 0 ? store : backend.other).put(key, Readable.from(inChunks(bytes, 100_000))),
        ),
      );
      const winners = writes.filter(({ status }) => status === 'fulfilled');
      expect(winners).toHaveLength(1);
      const losers = writes
        .filter((write) => write.status === 'rejected')
        .map(({ reason }) => reason as unknown);
      expect(losers).toEqual([code('object_exists'), code('object_exists')]);
      const winner = writes.findIndex(({ status }) => status === 'fulfilled');
      expect(digest(await read(key))).toBe(digest(contents[winner]!));
      expect(await backend.leftovers()).toBe(0);
    });

    test('shows an object only when it is whole', async () => {
      const key = newKey();
      const content = new Readable({ read: () => undefined });
      const written = store.put(key, content);
      content.push(randomBytes(20 * MIB));
      await delay(300);
      await expect(backend.other.head(key)).rejects.toEqual(code('object_missing'));
      expect(await listed(key)).toEqual([]);
      content.push(null);
      await written;
      expect(await listed(key)).toHaveLength(1);
    });

    test.each([
      ['short', 10],
      ['long', 17 * MIB],
    ])('leaves nothing of a %s write that is aborted', async (_, size) => {
      const key = newKey();
      const content = new Readable({ read: () => undefined });
      const controller = new AbortController();
      const written = store.put(key, content, { signal: controller.signal });
      content.push(randomBytes(size));
      setTimeout(() => controller.abort(), 50);
      await expect(written).rejects.toMatchObject({ name: 'AbortError' });
      expect(content.destroyed).toBe(true);
      await expect(store.head(key)).rejects.toEqual(code('object_missing'));
      expect(await backend.leftovers()).toBe(0);
    });

    test('leaves nothing of a write whose content fails, and passes the failure on', async () => {
      for (const size of [10, 17 * MIB]) {
        const key = newKey();
        const content = Readable.from(
          (async function* () {
            yield randomBytes(size);
            throw new TypeError('the upload broke');
          })(),
        );
        await expect(store.put(key, content)).rejects.toThrow(new TypeError('the upload broke'));
        await expect(store.head(key)).rejects.toEqual(code('object_missing'));
      }
      expect(await backend.leftovers()).toBe(0);
    });

    test('lists what begins with a prefix', async () => {
      const root = newKey('list').toLowerCase();
      const names = ['a', 'a.b', 'a/b', 'a/b-c', 'a/b.c/d', 'b/1', 'B/1', 'a0'];
      for (const name of names)
        await store.put(`${root}/x/${name}${name === 'a' ? '_' : ''}`, Buffer.from(name));
      const keys = async (prefix: string): Promise<string[]> =>
        (await listed(`${root}/x/${prefix}`)).map(({ key }) => key.slice(root.length + 3)).sort();
      const sorted = names.map((name) => (name === 'a' ? 'a_' : name)).sort();
      expect(await keys('')).toEqual(sorted);
      expect(await keys('a')).toEqual(sorted.filter((name) => name.startsWith('a')));
      expect(await keys('a/')).toEqual(['a/b', 'a/b-c', 'a/b.c/d']);
      expect(await keys('a/b')).toEqual(['a/b', 'a/b-c', 'a/b.c/d']);
      expect(await keys('nothing')).toEqual([]);
      const [first] = await listed(`${root}/x/B/1`);
      expect(first).toMatchObject({ bytes: 3, modifiedAt: expect.any(Date) as Date });
    });

    test('lists more than a thousand objects', async () => {
      const root = newKey('many');
      const expected = Array.from({ length: 1100 }, (_, i) => `${root}/${String(i).padStart(4, '0')}`);
      for (let i = 0; i < expected.length; i += 50) {
        await Promise.all(expected.slice(i, i + 50).map((key) => store.put(key, Buffer.from('x'))));
      }
      expect((await listed(`${root}/`)).map(({ key }) => key).sort()).toEqual(expected);
    }, 120_000);

    test('deletes', async () => {
      const key = newKey();
      await store.put(key, Buffer.from('x'));
      await store.delete(key);
      await store.delete(key);
      await expect(store.head(key)).rejects.toEqual(code('object_missing'));
      await store.put(key, Buffer.from('again'));
      expect((await read(key)).toString()).toBe('again');
    });

    test('puts and deletes of neighbours at once do not disturb each other', async () => {
      const root = newKey('busy');
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          for (let round = 0; round < 10; round++) {
            await store.put(`${root}/${i % 3}/${i}`, Buffer.from('x'));
            await store.delete(`${root}/${i % 3}/${i}`);
          }
        }),
      );
      expect(await listed(root)).toEqual([]);
    });

    test('refuses names that could lead elsewhere or that some store cannot hold', async () => {
      const bad = [
        '',
        '/etc/passwd',
        '../x',
        'a/../b',
        'a/./b',
        'a//b',
        'a/',
        'a\\b',
        'a b',
        'a\0b',
        'ä',
        'a%2e%2e',
        '..',
        'a'.repeat(201),
        Array.from({ length: 20 }, () => 'a'.repeat(60)).join('/'),
      ];
      for (const key of bad) {
        await expect(store.put(key, Buffer.from('x')), key).rejects.toEqual(code('object_key'));
        await expect(store.get(key), key).rejects.toEqual(code('object_key'));
        await expect(store.head(key), key).rejects.toEqual(code('object_key'));
        await expect(store.delete(key), key).rejects.toEqual(code('object_key'));
      }
      await expect(listed('../')).rejects.toEqual(code('object_key'));
    });

    test('answers a ping and leaves no object of it', async () => {
      await expect(store.ping()).resolves.toBeUndefined();
      expect(await listed('health')).toEqual([]);
    });
  });
}

function* inChunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
