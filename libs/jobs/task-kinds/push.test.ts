import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adapterPush } from '#jobs/task-kinds/push.js';
import { type StubHub, stubHub } from '../../../test/stub-hub.js';

let hub: StubHub;
let scratch: string;
let adapter: string;
const weights = Buffer.alloc(3000, 7);
beforeEach(async () => {
  hub = await stubHub();
  scratch = await mkdtemp(path.join(tmpdir(), 'push-'));
  adapter = path.join(scratch, 'adapter');
  await mkdir(adapter);
  await writeFile(path.join(adapter, 'adapter_model.safetensors'), weights);
  await writeFile(path.join(adapter, 'adapter_config.json'), '{"r": 8, "base_model_name_or_path": "mine"}');
  await writeFile(
    path.join(adapter, 'README.md'),
    '---\nbase_model: "mine"\nlibrary_name: peft\nlicense: mit\n---\n# An adapter\n',
  );
});
afterEach(async () => {
  await hub.close();
  await rm(scratch, { recursive: true });
});

const input = {
  model: 'mine',
  base_identity: 'sha256:0',
  members: [{ id: 'adapter-1', kind: 'adapter' as const, weight: 1, files: [] }],
  repository: 'org/mine',
  is_private: true,
  base: 'org/base' as string | null,
  metrics: [['validation loss', '0.5']] as [string, string][],
};

const push = (changes: Partial<typeof input> = {}, token: string | null = 'hf_ours') => {
  const stages: string[] = [];
  const result = adapterPush.run({
    input: { ...input, ...changes },
    members: [],
    folders: [adapter],
    hub: { endpoint: hub.url, token },
    baseFolder: '',
    output: path.join(scratch, 'output'),
    onProgress: ({ stage }) => void stages.push(stage),
  });
  return result.then((pushed) => ({ ...pushed, stages }));
};

test('an adapter lies in a repository of its own, and card and configuration name the base there', async () => {
  const { commit, url, stages } = await push();
  const repository = hub.repositories.get('org/mine')!;
  expect({ commit, url, stages }).toEqual({
    commit: repository.commit,
    url: `${hub.url}/org/mine`,
    stages: ['repository', 'upload'],
  });
  expect(repository.isPrivate).toBe(true);
  expect(repository.files.get('adapter_model.safetensors')).toEqual(weights);
  expect(JSON.parse(repository.files.get('adapter_config.json')!.toString())).toEqual({
    r: 8,
    base_model_name_or_path: 'org/base',
  });
  const card = repository.files.get('README.md')!.toString();
  expect(card.split('---')[1]!.trim().split('\n').toSorted()).toEqual([
    'base_model: "org/base"',
    'base_model_relation: adapter',
    'library_name: peft',
    'license: mit',
  ]);
  expect(card).toContain('# An adapter');
  expect(card).toContain('| validation loss | 0.5 |');
  // What was pushed stays as it is here.
  expect(await readFile(path.join(adapter, 'adapter_config.json'), 'utf8')).toContain('"mine"');
});

test('a repository that is there gets another commit and keeps its other files', async () => {
  hub.add('org/mine', [['notes.txt', 'kept']]);
  const { commit } = await push({ base: null });
  const { files, commit: newest } = hub.repositories.get('org/mine')!;
  expect(commit).toBe(newest);
  expect(files.get('notes.txt')!.toString()).toBe('kept');
  expect(files.get('README.md')!.toString()).not.toContain('base_model');
  expect(JSON.parse(files.get('adapter_config.json')!.toString())).toMatchObject({
    base_model_name_or_path: 'mine',
  });
});

test('an account that may not write there is told so, and the token goes to the hub alone', async () => {
  await expect(push({}, null)).rejects.toMatchObject({
    code: 'push_refused',
    message: expect.stringContaining('HF_TOKEN') as string,
  });
  await push();
  const tokens = (seen: StubHub['hub']) => new Set(seen.seen.map(({ headers }) => headers.authorization));
  expect(tokens(hub.hub)).toContain('Bearer hf_ours');
  expect(tokens(hub.storage)).toEqual(new Set([undefined]));
});
