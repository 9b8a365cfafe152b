import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Runs a module in a process of its own and yields what it prints as JSON. */
async function inProcess(program: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program, '--', root],
    { cwd: root },
  );
  return JSON.parse(stdout);
}

/** Says which packages of the engine a process has loaded, whether by import or by require. */
const loadedPackages = `
  import { createRequire } from 'node:module';
  const loaded = () => Object.keys(createRequire(import.meta.url).cache)
    .filter((file) => /node_modules.(@tensorflow|onnxruntime)/.test(file)).length > 0;
  const imp = (path) => import(new URL('dist/' + path, 'file://${root}/'));`;

test('paths, shapes, counts and targets of a model are read off its layers without an engine', async () => {
  const found = await inProcess(`${loadedPackages}
    const { openModelFolder } = await imp('libs/models/model-folder.js');
    const { resolveTargetModules } = await imp('libs/lora/target-modules.js');
    const { parseLoraConfig } = await imp('libs/lora/config.js');
    const { tree } = await openModelFolder('models/prose-4m');
    const plan = resolveTargetModules(tree, parseLoraConfig({ target_modules: 'all-linear' }));
    const shapes = [...tree.parameters()].slice(0, 2).map(({ name, shape }) => [name, shape]);
    console.log(JSON.stringify({
      parameterCount: tree.parameterCount, shapes,
      targets: plan.modules.length, trainable: plan.trainableParameters, loaded: loaded(),
    }));`);
  expect(found).toEqual({
    parameterCount: 3_737_856,
    shapes: [
      ['model.embed_tokens.weight', [3072, 256]],
      ['model.layers.0.self_attn.q_proj.weight', [256, 256]],
    ],
    targets: 28,
    trainable: 149_504,
    loaded: false,
  });
});

test('a job is planned without an engine, and an operation loads it', async () => {
  const found = await inProcess(`${loadedPackages}
    const { planJob } = await imp('libs/jobs/plan.js');
    const base = { name: 'prose-4m', folder: 'models/prose-4m', identity: 'sha256:0' };
    const { parseLoraConfig } = await imp('libs/lora/config.js');
    const { parseTrainingOptions } = await imp('libs/training/options.js');
    const requested = { lora: null, training: {}, learningRateMultiplier: null, device: 'cpu', seed: 1 };
    const options = parseTrainingOptions({});
    const plan = await planJob({ base, requested, options, lora: parseLoraConfig({}), initAdapter: null });
    const before = loaded();
    const { engine } = await imp('libs/jit/ops.js');
    const imported = loaded();
    engine();
    console.log(JSON.stringify({ modules: plan.modules.length, before, imported, after: loaded() }));`);
  expect(found).toEqual({ modules: 8, before: false, imported: false, after: true });
});
