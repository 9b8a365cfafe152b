import { appendFile, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeAdapter } from '#adapters/write-adapter.js';
import { hashFiles, modelFileNames, modelIdentity } from '#hub/model-identity.js';
import { Gate } from '../../../test/contract/waiting.js';
import { randomAdapter } from '../../../test/random-adapters.js';
import { writeTinyModel } from '../../../test/e2e/tiny-job.js';
import type { MemberFolder } from '#contracts/member-folder.js';
import { type Wanted, WarmModels } from './warm-models.js';

let scratch: string;
let folder: string;
let identity: string;
let members: MemberFolder[];
const { signal } = new AbortController();
const noBound = Infinity;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'warm-models-'));
  folder = join(scratch, 'tiny');
  await writeTinyModel(folder);
  identity = modelIdentity(await hashFiles(folder, await modelFileNames(folder)));
  members = await Promise.all([1, 2].map(member));
});
afterAll(() => rm(scratch, { recursive: true }));

async function member(seed: number): Promise<MemberFolder> {
  const path = 'model.layers.0.self_attn.q_proj';
  const config = { r: 2, lora_alpha: 4, target_modules: ['q_proj'], layers_to_transform: [0] };
  const { config: written, modules } = randomAdapter(seed, config, { [path]: [32, 32] });
  const adapterFolder = join(scratch, `adapter-${seed}`);
  await writeAdapter(adapterFolder, { config: written, modules: modules.values() });
  return { name: `adapter-${seed}`, folder: adapterFolder, digest: String(seed), weight: 1, base: identity };
}

const get = (models: WarmModels, wanted: Wanted) =>
  models.use(wanted, signal, (model) => Promise.resolve(model));
const base = (verified = true) => ({ folder, identity, verified, precision: 'as-stored' as const });
const cache = () => join(scratch, 'cache');

test('the same members under other weights are the same model', async () => {
  const models = new WarmModels(cache(), noBound);
  const first = await get(models, { base: base(), members });
  const weighted = members.map((one) => ({ ...one, weight: -0.5 }));
  expect(await get(models, { base: base(), members: weighted })).toBe(first);
  const alone = await get(models, { base: base(), members: [] });
  expect(alone).not.toBe(first);
  // What belongs to the base is read once.
  expect(alone.base).toBe(first.base);
});

test('where memory is short, the model that was not used for longest goes', async () => {
  const models = new WarmModels(cache(), 0);
  const [one, two] = members as [MemberFolder, MemberFolder];
  const first = await get(models, { base: base(), members: [one] });
  const second = await get(models, { base: base(), members: [two] });
  expect(await get(models, { base: base(), members: [two] })).toBe(second);
  expect(await get(models, { base: base(), members: [one] })).not.toBe(first);
});

test('a model that answers is not let go, and is opened once for several prompts', async () => {
  const models = new WarmModels(cache(), 0);
  const [one, two] = members as [MemberFolder, MemberFolder];
  const done = new Gate();
  const busy = models.use({ base: base(), members: [one] }, signal, async (model) => {
    await done.passed;
    return model;
  });
  const same = get(models, { base: base(), members: [one] });
  const others = [get(models, { base: base(), members: [two] }), get(models, { base: base(), members: [] })];
  await Promise.all(others);
  expect(await get(models, { base: base(), members: [one] })).toBe(await same);
  done.open();
  expect(await busy).toBe(await same);
});

test('no more than so many are kept, those that were used last', async () => {
  const models = new WarmModels(cache(), noBound);
  const lists = Array.from({ length: 9 }, (_, i) => Array<MemberFolder>(i + 1).fill(members[0]!));
  const opened = [];
  for (const list of lists.slice(0, 8)) opened.push(await get(models, { base: base(), members: list }));
  expect(await get(models, { base: base(), members: lists[0]! })).toBe(opened[0]);
  await get(models, { base: base(), members: lists[8]! });
  expect(await get(models, { base: base(), members: lists[0]! })).toBe(opened[0]);
  expect(await get(models, { base: base(), members: lists[1]! })).not.toBe(opened[1]);
});

test('a base that may have changed is read; only the same content is answered by', async () => {
  const models = new WarmModels(cache(), noBound);
  const config = join(folder, 'config.json');
  await utimes(config, new Date(0), new Date(0));
  const first = await get(models, { base: base(false), members: [] });
  const before = await readFile(config);
  await appendFile(config, ' ');
  await expect(get(models, { base: base(false), members: [] })).rejects.toMatchObject({
    code: 'base_changed',
  });
  await writeFile(config, before);
  expect(await get(models, { base: base(false), members: [] })).toBe(first);
});

test('a member that does not fit the base is refused by name', async () => {
  const models = new WarmModels(cache(), noBound);
  const path = 'model.layers.0.self_attn.q_proj';
  const { config, modules } = randomAdapter(
    3,
    { r: 2, target_modules: ['q_proj'], layers_to_transform: [0] },
    { [path]: [32, 16] },
  );
  const adapterFolder = join(scratch, 'unrelated');
  await writeAdapter(adapterFolder, { config, modules: modules.values() });
  const unrelated = { name: 'unrelated', folder: adapterFolder, digest: 'x', weight: 1, base: identity };
  await expect(get(models, { base: base(), members: [unrelated] })).rejects.toMatchObject({
    code: 'adapter_mismatch',
    message: expect.stringMatching(/^adapter unrelated: /) as string,
  });
});
