import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modelIdentity } from '#hub/model-identity.js';
import type { HashProgress } from '#hub/model-identity.js';
import { getModel, listModels, registerModel, verifyModel } from '#hub/model-registry.js';

const families = fileURLToPath(new URL('../../test/fixtures/families', import.meta.url));

let scratch: string;
let registry: string;
let model: string;
beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'model-registry-'));
  registry = path.join(scratch, 'registry');
  model = await copyOf('llama-f16-sharded', 'tiny');
});
afterEach(() => rm(scratch, { recursive: true }));

async function copyOf(family: string, name: string): Promise<string> {
  const folder = path.join(scratch, name);
  await mkdir(folder);
  for (const file of await readdir(path.join(families, family))) {
    await writeFile(path.join(folder, file), await readFile(path.join(families, family, file)));
  }
  await writeFile(path.join(folder, 'tokenizer.json'), '{}');
  return folder;
}

describe('registering', () => {
  test('records every file of the model and nothing else, and can be read back', async () => {
    const record = await registerModel(model, registry);
    const names = record.files.map(({ name }) => name);
    const expected = (await readdir(model)).filter(
      (name) => !/^(case\.json|expected\.safetensors)$/.test(name),
    );
    expect(names).toEqual(expected.toSorted());
    expect(record).toMatchObject({ name: 'tiny', folder: model, architecture: 'LlamaForCausalLM' });
    const config = await readFile(path.join(model, 'config.json'));
    expect(record.files.find(({ name }) => name === 'config.json')?.sha256).toBe(
      createHash('sha256').update(config).digest('hex'),
    );
    expect(await getModel(registry, 'tiny')).toEqual(record);
    expect(await listModels(registry)).toEqual({ models: [record], broken: [] });
  });

  test('reports progress up to the last byte', async () => {
    const seen: HashProgress[] = [];
    const { files } = await registerModel(model, registry, { onProgress: (progress) => seen.push(progress) });
    const total = files.reduce((sum, { size }) => sum + size, 0);
    expect(seen.at(-1)).toMatchObject({ doneBytes: total, totalBytes: total });
    expect(seen.map(({ file }) => file)).toEqual(files.map(({ name }) => name));
  });

  test('stops when it is aborted and leaves nothing', async () => {
    const signal = AbortSignal.abort(new Error('cancelled'));
    await expect(registerModel(model, registry, { signal })).rejects.toThrow('cancelled');
    await expect(getModel(registry, 'tiny')).rejects.toMatchObject({ code: 'model_not_registered' });
  });

  test('notices a file that is written to meanwhile', async () => {
    const onProgress = ({ file }: HashProgress) => {
      if (file === 'config.json') appendFileSync(path.join(model, 'config.json'), ' ');
    };
    await expect(registerModel(model, registry, { onProgress })).rejects.toMatchObject({
      code: 'base_changed',
    });
  });

  test('of one model many times at once gives one record', async () => {
    const records = await Promise.all(Array.from({ length: 8 }, () => registerModel(model, registry)));
    for (const record of records) expect(record).toEqual(records[0]);
    expect(await readdir(registry)).toEqual(['tiny']);
  });

  test('another model under a taken name is refused unless it replaces', async () => {
    const first = await registerModel(model, registry);
    const other = await copyOf('llama', 'other');
    await expect(registerModel(other, registry, { name: 'tiny' })).rejects.toMatchObject({
      code: 'model_name_taken',
      message: expect.stringContaining(first.identity),
    });
    const second = await registerModel(other, registry, { name: 'tiny', replace: true });
    expect(await getModel(registry, 'tiny')).toEqual(second);
  });

  test('a folder without a tokenizer only where that is allowed', async () => {
    await rm(path.join(model, 'tokenizer.json'));
    await expect(registerModel(model, registry)).rejects.toMatchObject({ code: 'tokenizer_not_found' });
    await expect(registerModel(model, registry, { tokenizer: 'optional' })).resolves.toBeDefined();
  });

  test.each(['../escape', '.hidden', 'a/b/c', '', 'a\\b', 'x'.repeat(201)])(
    'the name %j is refused',
    async (name) => {
      await expect(registerModel(model, registry, { name })).rejects.toMatchObject({
        code: 'model_name_invalid',
      });
    },
  );

  test('names may have an owner', async () => {
    await registerModel(model, registry, { name: 'org/tiny' });
    expect((await listModels(registry)).models.map(({ name }) => name)).toEqual(['org/tiny']);
  });
});

describe('the identity', () => {
  test('is that of the content, wherever the folder lies and whatever its times', async () => {
    const one = await registerModel(model, registry);
    await cp(model, path.join(scratch, 'copy'), { recursive: true });
    const two = await registerModel(path.join(scratch, 'copy'), registry);
    expect(two.identity).toBe(one.identity);
    expect(two.files.map(({ inode }) => inode)).not.toEqual(one.files.map(({ inode }) => inode));
  });

  test('depends on names and contents, not on their order', () => {
    const a = { name: 'a', sha256: '1' };
    const b = { name: 'b', sha256: '2' };
    expect(modelIdentity([a, b])).toBe(modelIdentity([b, a]));
    expect(modelIdentity([a, b])).not.toBe(
      modelIdentity([
        { ...a, sha256: '2' },
        { ...b, sha256: '1' },
      ]),
    );
    expect(modelIdentity([])).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});

describe('a changed base model is noticed and the file is named', () => {
  const modes = [{ full: false }, { full: true }];

  test.each(modes)('not if nothing changed (%j)', async (mode) => {
    const record = await registerModel(model, registry);
    expect(await verifyModel(record, mode)).toEqual(record);
  });

  test.each(modes)('a missing file (%j)', async (mode) => {
    const record = await registerModel(model, registry);
    await rm(path.join(model, 'tokenizer.json'));
    await expect(verifyModel(record, mode)).rejects.toMatchObject({
      code: 'base_changed',
      details: { file: 'tokenizer.json', reason: 'is missing' },
    });
  });

  test.each(modes)('a longer file (%j)', async (mode) => {
    const record = await registerModel(model, registry);
    await appendFile(path.join(model, 'config.json'), '\n');
    await expect(verifyModel(record, mode)).rejects.toThrow(/config\.json has \d+ bytes instead of \d+/);
  });

  test.each(modes)('a file that was not there (%j)', async (mode) => {
    const record = await registerModel(model, registry);
    await writeFile(path.join(model, 'chat_template.jinja'), '');
    await expect(verifyModel(record, mode)).rejects.toMatchObject({
      details: { file: 'chat_template.jinja' },
    });
  });

  test('other bytes of the same length and time only by a full check', async () => {
    const record = await registerModel(model, registry);
    const file = path.join(model, 'tokenizer.json');
    await writeFile(file, '[]');
    await expect(verifyModel(record)).rejects.toMatchObject({ details: { file: 'tokenizer.json' } });
    await expect(verifyModel(record, { full: true })).rejects.toThrow(/tokenizer\.json has other content/);
  });

  test('new times alone fail the quick check and pass the full one, whose record passes again', async () => {
    const record = await registerModel(model, registry);
    await utimes(path.join(model, 'config.json'), 1, 1);
    await expect(verifyModel(record)).rejects.toThrow(/if its content is the same, register the model again/);
    const fresh = await verifyModel(record, { full: true });
    await expect(verifyModel(fresh)).resolves.toEqual(fresh);
    await registerModel(model, registry);
    expect(await getModel(registry, 'tiny')).toEqual(fresh);
  });

  test('a full check can be aborted', async () => {
    const record = await registerModel(model, registry);
    await expect(verifyModel(record, { full: true, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

describe('a record that cannot be read', () => {
  test.each(['{', '{"format":2}', '[]'])('%s is named and hides no others', async (text) => {
    const record = await registerModel(model, registry, { name: 'good' });
    await registerModel(model, registry, { name: 'bad' });
    await writeFile(path.join(registry, 'bad', 'model.json'), text);
    await expect(getModel(registry, 'bad')).rejects.toMatchObject({
      code: 'registry_corrupt',
      message: expect.stringMatching(/bad\/model\.json cannot be read .* register the model again/),
    });
    const { models, broken } = await listModels(registry);
    expect(models).toEqual([record]);
    expect(broken).toMatchObject([{ code: 'registry_corrupt' }]);
    await registerModel(model, registry, { name: 'bad', replace: true });
    expect((await listModels(registry)).broken).toEqual([]);
  });

  test('what is not a record is reported', async () => {
    await mkdir(path.join(registry, '%zz'), { recursive: true });
    await writeFile(path.join(registry, 'notes.txt'), '');
    const { broken } = await listModels(registry);
    expect(broken.map(({ code }) => code)).toEqual(['model_name_invalid', 'registry_corrupt']);
  });

  test('no registry at all is an empty one', async () => {
    expect(await listModels(registry)).toEqual({ models: [], broken: [] });
  });
});
