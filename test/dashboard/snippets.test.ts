/** The texts of a job that the dashboard gives to copy make that very job. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobCreate } from '#contracts/http/job-create.js';
import { addJobFlags, type JobFlags, readDraft } from '../../apps/cli/src/job-body.js';
import { bodyOf, formOf, newForm, targetsOf } from '../../apps/dashboard/src/views/new-job/job-form.js';
import { snippetsOf } from '../../apps/dashboard/src/views/parts/job-snippets.js';

const place = { origin: 'http://127.0.0.1:8010', needsKey: false };
const plain: JobCreate = {
  model: 'prose-4m',
  training_file: 'file-1',
  lora: { r: 8, lora_alpha: 16, lora_dropout: 0.05, target_modules: 'all-linear' },
  training: {},
};
const rich: JobCreate = {
  model: 'org/model',
  training_file: 'file-1',
  validation_file: 'file-2',
  suffix: 'it.is-5',
  seed: 7,
  device: 'cpu',
  init_adapter: 'adapter-1',
  lora: {
    r: 4,
    target_modules: ['q_proj', 'self_attn.v_proj'],
    use_rslora: true,
    rank_pattern: { q_proj: 8 },
  },
  training: {
    n_epochs: 2.5,
    learning_rate: 1e-5,
    packing: false,
    eval_steps: null,
    sample_prompts: ['Who\'s "there"? $HOME `id` \\ é\nEND', '5'],
  },
};
const odd: JobCreate = {
  ...plain,
  suffix: '12',
  lora: { target_modules: String.raw`.*\.(q|v)_proj` },
};
const bodies = [
  ['plain', plain],
  ['rich', rich],
  ['odd', odd],
] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snippets-'));
  // A client that prints what it was asked for.
  await writeFile(
    join(folder, 'openai.py'),
    `import json
class OpenAI:
    def __init__(self, base_url, api_key):
        assert base_url == "http://127.0.0.1:8010/v1"
        self.fine_tuning = self.jobs = self
        self.id = ""
    def create(self, extra_body, **fields):
        print(json.dumps({**fields, **extra_body}))
        return self
`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

const textOf = (name: string, body: JobCreate) =>
  snippetsOf(body, place).find((snippet) => snippet.name === name)!.text;
const inShell = (script: string) => execFileSync('bash', ['-c', script], { encoding: 'utf8' });

test.each(bodies)('of a %s job curl sends the body', (_, body) => {
  const sent = inShell(`curl() { cat; }\n${textOf('curl', body)}`);
  expect(JSON.parse(sent)).toEqual(body);
});

test.each(bodies)('of a %s job Python asks for the same', (_, body) => {
  const asked = execFileSync('python3', ['-c', textOf('Python', body)], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: folder },
  });
  expect(JSON.parse(asked.split('\n')[0]!)).toEqual(body);
});

test.each(bodies)('of a %s job the command line reads as the body', async (_, body) => {
  const words = inShell(`npx() { printf '%s\\0' "$@"; }\n${textOf('lowrank', body)}`)
    .split('\0')
    .slice(0, -1);
  expect(words.slice(0, 4)).toEqual(['lowrank', 'train', '--url', place.origin]);
  const command = addJobFlags(new Command('train').exitOverride());
  command.parse(words.slice(4), { from: 'user' });
  const { training, ...rest } = body;
  const isEmpty = Object.keys(training ?? {}).length === 0;
  expect(await readDraft(command.opts<JobFlags>())).toEqual(isEmpty ? rest : body);
});

test('with a key the texts take it from the environment', () => {
  const texts = snippetsOf(plain, { ...place, needsKey: true });
  const named = texts.filter(({ text }) => text.includes('LOWRANK_API_KEY')).map(({ name }) => name);
  // The command line reads it by itself.
  expect(named).toEqual(['curl', 'Python', 'JavaScript']);
});

test.each([
  ['q_proj', ['q_proj']],
  ['q_proj, v_proj', ['q_proj', 'v_proj']],
  ['all-linear', 'all-linear'],
  [String.raw`.*\.(q|v)_proj`, String.raw`.*\.(q|v)_proj`],
])('the modules %s are what PEFT takes them for', (text, targets) => {
  expect(targetsOf(text)).toEqual(targets);
});

test('a job that is cloned is the job again, with what the form does not show', () => {
  const { init_adapter, lora, training } = rich;
  const base = { init_adapter, lora, training };
  const { suffix: _, ...wanted } = rich;
  const form = formOf({
    ...rich,
    lora,
    training,
    validation_file: 'file-2',
    seed: 7,
    device: 'cpu',
  });
  expect(bodyOf(form, base)).toEqual(wanted);
  expect(bodyOf({ ...newForm, model: 'prose-4m', trainingFile: 'file-1' })).toEqual(plain);
});
