import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programRoot } from '#platform/program.js';
import { run } from '../../test/run-cli.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function written(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const environment = () => ({ LOWRANK_HOME: join(folder, 'home'), LOWRANK_URL: 'http://127.0.0.1:9' });
const lowrank = (...args: string[]) => run(args, { environment: environment() });

test('data are described without a service or a model', async () => {
  const file = await written('rows.csv', 'prompt,completion,note\nWho?,Me.,1\nWho?,Me.,2\nWho?,You.,3\n');
  const { code, stdout } = await lowrank('data', file);
  expect(code).toBe(0);
  expect(stdout).toContain('rows.csv: csv, 3 completion rows');
  expect(stdout).toContain('duplicates: 1 row is there before, 1 more with the same prompt');
  expect(stdout).toContain('The field "note" of 3 rows is not read.');
});

const rowOf = (words: number) => ({ prompt: 'Call me', completion: `${' Ishmael'.repeat(words)}.` });

test('a model shows lengths, what is cut, and the first rows with what is learned marked', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => JSON.stringify(rowOf(i + 1)));
  const file = await written('rows.jsonl', rows.join('\n'));
  const model = join(programRoot, 'models', 'prose-4m');
  const { code, stdout, stderr } = await lowrank('data', file, '--model', model, '--block-length', '64');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /\(supervised\): [\d,]+ tokens, [\d,]+ of them to learn, in \d+ blocks of 64; \d+ cut short/,
  );
  expect(stdout).toMatch(/lengths in tokens: shortest \d+, median \d+, nine in ten up to \d+, longest \d+/);
  expect(stdout).toMatch(/ {2}1 to \d+ {2}#+ \d+/);
  expect(stdout).toMatch(
    /row at 1, \d+ tokens, what is learned between \u27e6\u27e7:\n.*Call me\u27e6 Ishmael\./,
  );
  const json = JSON.parse((await lowrank('data', file, '--model', 'prose-4m', '--json')).stdout) as {
    model: { examples: number; lengths: { counts: number[] }; estimated: boolean; shown_examples: unknown[] };
  };
  expect(json.model).toMatchObject({ examples: 40, estimated: false });
  expect(json.model.lengths.counts.reduce((sum, each) => sum + each, 0)).toBe(40);
  expect(json.model.shown_examples).toHaveLength(5);
});

test('format and columns are said as to train, and everything that is wrong is told', async () => {
  const file = await written('named.csv', 'q,a\nWho?,Me.\n');
  const columns = ['--column', 'prompt=q', '--column', 'completion=a'];
  expect((await lowrank('data', file, '--format', 'csv', ...columns)).stdout).toContain('1 completion row,');
  expect(await lowrank('data', file, '--format', 'sheet')).toMatchObject({ code: 2 });
  expect((await lowrank('data', file, '--column', 'promt=q')).stderr).toContain('did you mean prompt');
  expect((await lowrank('data', file, '--method', 'magic')).stderr).toContain('give one of supervised');
  const wrong = await written('wrong.jsonl', '{"text": 1}\n{"text": 2}\n');
  const refused = await lowrank('data', wrong);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/line 1, text:[^]*line 2, text:/);
  expect((await lowrank('data', join(folder, 'none.jsonl'))).stderr).toContain('cannot be read');
});

test('a model that is nowhere on this machine is asked of the service', async () => {
  const file = await written('one.jsonl', '{"text": "It is so."}\n');
  const { code, stderr } = await lowrank('data', file, '--model', 'nowhere');
  expect(code).toBe(3);
  expect(stderr).toContain('nowhere is not on this machine');
});
