import { describe, expect, test } from 'vitest';
import { DataError } from '#data/data-error.js';
import { DatasetReader, validateDataset } from '#data/dataset.js';
import { bufferAccess, SpanMissing } from '#data/formats/random-access.js';
import type { Row } from '#data/rows/row.js';
import { dataUrl } from '../../../../test/image-fixtures.js';
import { type ZipEntry, zipOf } from '../../../../test/integration/zip-of.js';

const png = Buffer.from(dataUrl('rgb.png').split(',')[1]!, 'base64');
/** Another image for each number: what follows the end of a PNG is not looked at. */
const image = (i: number) => Buffer.concat([png, Buffer.from([i])]);
const zip = (files: Readonly<Record<string, Buffer | string>>) =>
  zipOf(Object.entries(files).map(([path, content]) => ({ path, content: Buffer.from(content) })));

async function read(content: Buffer, form?: { columns: Record<string, string> }) {
  const reader = new DatasetReader(bufferAccess(content), { name: 'pets.zip', form });
  const rows: Row[] = [];
  for await (const batch of reader.batches()) rows.push(...batch.map(({ row }) => row));
  return { rows, summary: reader.summary() };
}

const seen = (rows: readonly Row[]) =>
  rows.map((row) => (row.kind === 'image' ? `${row.file.at(-1)} ${row.label}` : row.kind));

async function problemsOf(content: Buffer): Promise<string[]> {
  const error: unknown = await read(content).catch((error: unknown) => error);
  if (!(error instanceof DataError)) throw error;
  return error.problems.map(({ file, line, field, code, message }) =>
    [file, line, field, code, message].join(' | '),
  );
}

describe('a folder for each class', () => {
  test('gives the class, the classes in turn, whatever folder is around and whatever systems add', async () => {
    const content = zip({
      'pets/cats/1.png': image(1),
      'pets/cats/2.png': image(2),
      '__MACOSX/pets/cats/._1.png': 'x',
      'pets/.DS_Store': 'x',
      'pets/dogs/3.JPG': image(3),
    });
    const { rows, summary } = await read(content);
    expect(seen(rows)).toEqual(['1 cats', '3 dogs', '2 cats']);
    expect(summary).toMatchObject({ format: 'images in zip', kind: 'image', rows: 3, bytes: content.length });
    expect(summary.warnings).toEqual([]);
  });

  test('is told of files that are no images, and refused where an image is in none or deeper', async () => {
    const { summary } = await read(zip({ 'a/1.png': image(1), 'b/2.png': image(2), 'README.md': 'x' }));
    expect(summary.warnings).toEqual([
      { code: 'unread_files', message: expect.stringContaining('README.md') },
    ]);
    const above = zip({ 'a/1.png': image(1), '2.png': image(2) });
    expect(await problemsOf(above)).toEqual([expect.stringContaining('2.png lies in no folder of a class')]);
    const deeper = zip({ 'train/a/1.png': image(1), 'b/2.png': image(2) });
    expect(await problemsOf(deeper)).toEqual([
      expect.stringMatching(/train\/a\/1.png lies in a folder of a/),
    ]);
  });
});

describe('rows in a file', () => {
  test.each([
    [
      'metadata.jsonl',
      '{"file_name": "a/1.png", "label": "cat"}\n{"file_name": "a/2.png", "label": "dog"}\n',
    ],
    ['labels.csv', 'image,label\na/1.png,cat\na/2.png,dog\n'],
    ['train/metadata.csv', 'file_name,label\n../a/1.png,cat\n../a/2.png,dog\n'],
    ['rows.jsonl', `{"image": "a/1.png", "label": "cat"}\n{"image": "a/2.png", "label": "dog"}`],
  ])('%s names images and their classes', async (name, rows) => {
    const content = zip({ 'a/2.png': image(2), [name]: rows, 'a/1.png': image(1), 'notes.txt': 'x' });
    const found = await read(content);
    expect(seen(found.rows)).toEqual(['1 cat', '2 dog']);
    expect(found.summary.warnings).toEqual([
      { code: 'unread_files', message: expect.stringContaining('notes.txt') },
    ]);
  });

  test('may have the image under another name, and images in themselves', async () => {
    const table = `picture,label\na/1.png,cat\n`;
    const { rows } = await read(zip({ 'a/1.png': image(1), 'rows.csv': table }), {
      columns: { image: 'picture' },
    });
    expect(seen(rows)).toEqual(['1 cat']);
    const inline = JSON.stringify({ image: dataUrl('rgb.png'), label: 'cat' });
    expect((await read(zip({ 'a/1.png': image(1), 'rows.jsonl': inline }))).rows).toHaveLength(1);
  });

  test('that are wrong are named with the file inside, line and field', async () => {
    const rows =
      '{"image": "a/1.png", "label": "cat"}\n{"image": "a/l.png", "label": "dog"}\n{"image": 7}\n[]\n';
    const [missing, number, list] = await problemsOf(zip({ 'a/1.png': image(1), 'rows.jsonl': rows }));
    const start = 'pets.zip (rows.jsonl) |';
    expect(missing).toBe(
      `${start} 2 | image | image_missing | the ZIP archive has no image "a/l.png". Is it a/1.png?`,
    );
    expect(number).toMatch(/\(rows.jsonl\) \| 3 /);
    expect(list).toContain(`${start} 4 |  | not_an_object`);
    const two = zip({ 'a/1.png': image(1), 'train.csv': 'image,label\n', 'test.csv': 'image,label\n' });
    expect(await problemsOf(two)).toEqual([
      expect.stringMatching(/several files of rows \(train.csv, test.csv\)/),
    ]);
  });
});

describe('an archive that cannot be taken as it is', () => {
  const entry = (path: string, content = image(1), more: Partial<ZipEntry> = {}) => ({
    path,
    content,
    ...more,
  });
  const changed = (content: Buffer, change: (directory: number) => void) => {
    change(content.indexOf('PK\u0001\u0002'));
    return content;
  };
  test.each<[what: string, content: () => Buffer, problem: RegExp]>([
    [
      'a path that leads out',
      () => zip({ '../a/1.png': image(1) }),
      /invalid relative path: \.\.\/a\/1\.png/,
    ],
    ['an absolute path', () => zip({ '/a/1.png': image(1) }), /absolute path: \/a\/1\.png/],
    ['a link', () => zipOf([entry('a/1.png', image(1), { mode: 0o120_777 })]), /a\/1\.png is a link/],
    [
      'a name that is there twice',
      () => zipOf([entry('a/1.png'), entry('a/1.png')]),
      /a\/1\.png is there twice/,
    ],
    ['another size than it says', () => zipOf([entry('a/1.png', image(1), { size: 9 })]), /a\/1\.png/],
    [
      'a member that is too large',
      () => zipOf([entry('a/1.png', image(1), { size: 3e7 })]),
      /a\/1\.png has 30000000 bytes/,
    ],
    ['a text that is called an image', () => zip({ 'a/1.png': 'x' }), /a\/1\.png is no image/],
    [
      'a password',
      () =>
        zipOf([entry('a/1.png')]).fill(1, 6, 7) &&
        ((content) => changed(content, (at) => content.writeUInt16LE(1, at + 8)))(zipOf([entry('a/1.png')])),
      /a\/1\.png is encrypted/,
    ],
    [
      'another method of packing',
      () =>
        ((content) => changed(content, (at) => content.writeUInt16LE(12, at + 10)))(
          zipOf([entry('a/1.png')]),
        ),
      /a\/1\.png is packed by method 12/,
    ],
    [
      'a changed byte',
      () => {
        const content = zip({ 'a/1.png': image(1) });
        content.writeUInt32LE(7, content.indexOf('PK\u0001\u0002') + 16);
        return content;
      },
      /a\/1\.png has another size or checksum/,
    ],
    [
      'its end cut off',
      () => zip({ 'a/1.png': image(1) }).subarray(0, -30),
      /the ZIP archive cannot be read/,
    ],
  ])('with %s is refused by name', async (_, content, problem) => {
    expect((await problemsOf(content()))[0]).toMatch(problem);
  });

  test('of which many members are the same bytes unpacks no further than a bound', async () => {
    const large = Buffer.concat([png, Buffer.alloc(19 * 2 ** 20)]);
    const content = zipOf(Array.from({ length: 15 }, (_, i) => ({ path: `a/${i}.png`, content: large })));
    expect(await problemsOf(content)).toEqual([expect.stringContaining('unpacks to more than 200 times')]);
  });
});

test('one data file in an archive is still that, and one of several data files is still refused', async () => {
  const rows = '{"text": "It is so."}\n';
  const { summary } = await read(zip({ 'rows.jsonl': rows }));
  expect(summary).toMatchObject({ format: 'jsonl in zip', kind: 'text' });
  expect(await problemsOf(zip({ 'a.jsonl': rows, 'b.jsonl': rows }))).toEqual([
    expect.stringContaining('more than one file'),
  ]);
});

test('of a file that is not all here the bytes that are missing are asked for', async () => {
  const noise = (seed: number) =>
    Buffer.from(Array.from({ length: 400_000 }, () => (seed = (seed * 48_271) % 2_147_483_647) >> 8));
  const large = (i: number) => Buffer.concat([png, noise(i)]);
  const content = zip({ 'a/1.png': large(3), 'b/2.png': large(5), 'a/3.png': large(7) });
  const here: [number, number][] = [];
  const access = () => ({
    ...bufferAccess(content),
    async read(start: number, length: number) {
      const end = Math.min(content.length, start + length);
      const known = here.some(([from, to]) => from <= start && end <= to);
      if (!known && end > start) throw new SpanMissing('pets.zip', start, end - start);
      return bufferAccess(content).read(start, length);
    },
  });
  for (let tries = 0; tries < 20; tries++) {
    try {
      const summary = await validateDataset(access(), { name: 'pets.zip' });
      expect(summary.rows).toBe(3);
      expect(tries).toBeGreaterThan(2);
      return;
    } catch (error) {
      if (!(error instanceof SpanMissing)) throw error;
      here.push([error.start, error.start + error.length]);
    }
  }
  throw new Error('it never had enough');
});
