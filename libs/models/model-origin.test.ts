import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cardLicence, readModelOrigin } from '#models/model-origin.js';

const commit = '0123456789abcdef0123456789abcdef01234567';
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lowrank-origin-'));
});
afterEach(() => rm(root, { recursive: true }));

test("the licence is the card's, or else the first line of the licence file", async () => {
  expect(await readModelOrigin(root)).toEqual({ licence: null, revision: null });
  await writeFile(join(root, 'LICENSE'), '\n  Apache License\nVersion 2.0\n');
  expect((await readModelOrigin(root)).licence).toBe('Apache License');
  await writeFile(join(root, 'README.md'), '---\nlanguage: en\nlicense: "llama3.2"\n---\n# A model\n');
  expect((await readModelOrigin(root)).licence).toBe('llama3.2');
});

test.each([
  ['---\nlicense: other\n---\n', null],
  ['# A model\n\nlicense: mit\n', null],
  ['---\r\nlicense: mit\r\n---\r\n', 'mit'],
])('the card %j names %j', (card, licence) => {
  expect(cardLicence(card)).toBe(licence);
});

test("the revision is the commit of a snapshot in the hub's cache", async () => {
  const folder = join(root, 'snapshots', commit);
  await mkdir(folder, { recursive: true });
  expect((await readModelOrigin(folder)).revision).toBe(commit);
});

test('the revision is the commit of a clone, on a branch that is packed or not, or without one', async () => {
  await mkdir(join(root, '.git/refs/heads'), { recursive: true });
  await writeFile(join(root, '.git/HEAD'), 'ref: refs/heads/main\n');
  expect((await readModelOrigin(root)).revision).toBeNull();
  await writeFile(join(root, '.git/packed-refs'), `# pack-refs\n${commit} refs/heads/main\n`);
  expect((await readModelOrigin(root)).revision).toBe(commit);
  const other = commit.replaceAll('0', '9');
  await writeFile(join(root, '.git/refs/heads/main'), `${other}\n`);
  expect((await readModelOrigin(root)).revision).toBe(other);
  await writeFile(join(root, '.git/HEAD'), `${commit}\n`);
  expect((await readModelOrigin(root)).revision).toBe(commit);
});
