/**
 * Pushes an adapter to a small hub on this machine, and has PEFT load it from there with its base (HF_ENDPOINT):
 *
 *     node dist/tools/check/hub-with-peft.js --python PYTHON [--fixtures test/fixtures]
 *
 * The logits must be those of the adapter's own folder, and the card must name the base. Ends with 1 otherwise. Needs torch,
 * transformers and peft.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { adapterPush } from '#jobs/task-kinds/push.js';
import { stubHub } from '../../test/stub-hub.js';

const { values } = parseArgs({
  options: { python: { type: 'string' }, fixtures: { type: 'string', default: 'test/fixtures' } },
});
const { python } = values;
if (!python) throw new Error('--python is needed');
const fixtures = resolve(values.fixtures);
const [base, adapter] = [join(fixtures, 'families/llama'), join(fixtures, 'lora/qv/final')];
const scratch = await mkdtemp(join(tmpdir(), 'lowrank-hub-'));
const hub = await stubHub();
await hub.addFolder('org/base', base);
const { commit } = await adapterPush.run({
  input: {
    model: 'org/base',
    base_identity: 'sha256:0',
    members: [],
    repository: 'org/adapter',
    is_private: false,
    base: 'org/base',
    metrics: [],
  },
  members: [],
  folders: [adapter],
  hub: { endpoint: hub.url, token: 'hf_of_this_check' },
  baseFolder: '',
  output: join(scratch, 'output'),
  onProgress: () => undefined,
});
console.log(`pushed org/adapter at ${commit}`);
const script = join(import.meta.dirname, '../../../tools/check/pull_in_peft.py');
const child = spawn(python, [script, base, adapter], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    PATH: process.env['PATH'],
    HF_ENDPOINT: hub.url,
    HF_HOME: join(scratch, 'home'),
    HF_HUB_DISABLE_XET: '1',
  },
});
const [code] = (await once(child, 'close')) as [number | null];
await hub.close();
await rm(scratch, { recursive: true });
process.exitCode = code === 0 ? 0 : 1;
