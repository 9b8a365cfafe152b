/** The adapter that a run starts from: new factors, or those of another adapter. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_FILES, adapterNotes } from '#adapters/adapter.js';
import { flattenModules } from '#adapters/flat-factors.js';
import { initialiseAdapter } from '#adapters/initialise.js';
import { readAdapter } from '#adapters/read-adapter.js';
import { LowrankError } from '#base/errors.js';
import type { LoraConfig } from '#lora/config.js';
import { seededNumbers } from '#lora/random-numbers.js';
import { resolveTargetModules, type TargetPlan } from '#lora/target-modules.js';
import type { ModelFolder } from '#models/model-folder.js';
import { startOn } from '#adapters/base-layers.js';

/** What long initialisations tell and ask. */
export interface InitialWork {
  /** Told how many of all layers have their numbers. */
  readonly onLayer: (done: number, total: number) => void;
  /** Called now and then; what it throws ends the work. */
  readonly pause: () => Promise<void>;
}

export interface StartingAdapter {
  readonly plan: TargetPlan;
  /** SHA-256 of the weight file of the adapter to go on with, or null. */
  readonly digest: string | null;
  /** Its numbers as a flat vector, in the order of the plan's layers. */
  readonly parameters: (work?: InitialWork) => Promise<Float32Array>;
  /** What people should know of the adapter to go on with. */
  readonly notes: readonly string[];
}

/**
 * Finds the layers to adapt and what their factors start from. Without a LoRA configuration the initial adapter's
 * own is used; layers that it names and the adapter has no factors for start as in a new one.
 *
 * Throws the errors of `resolveTargetModules` and `readAdapter`, and LowrankError `init_adapter_mismatch` if the
 * configuration names other layers, ranks or scales than the initial adapter has.
 */
export async function startingAdapter(
  base: Pick<ModelFolder, 'tree' | 'parameters'>,
  lora: LoraConfig | null,
  initAdapter: string | null,
  seed: number,
): Promise<StartingAdapter> {
  const reading = startOn(base);
  if (initAdapter === null) {
    if (!lora) throw new LowrankError('state_missing', 'a new adapter needs a LoRA configuration');
    const plan = resolveTargetModules(base.tree, lora);
    return {
      plan,
      digest: null,
      notes: [],
      parameters: async (work) => {
        const { modules } = plan;
        const init = plan.config.init_lora_weights;
        const start = { init, random: seededNumbers(seed), ...reading, pause: work?.pause };
        const onLayer = work && ((done: number) => work.onLayer(done, modules.length));
        return flattenModules(await initialiseAdapter(modules, start, onLayer));
      },
    };
  }
  const adapter = await readAdapter(initAdapter, { model: base.tree, weights: reading });
  // What it starts from is there already.
  const wanted = { ...(lora ?? { ...adapter.config, inference_mode: false }), init_lora_weights: true };
  const plan = resolveTargetModules(base.tree, wanted, { isImport: true });
  const missing = new Map(adapter.missing.map((module) => [module.path, module]));
  requireSameLayers(initAdapter, plan, new Map([...adapter.modules, ...missing]));
  const written = await readFile(join(initAdapter, ADAPTER_FILES.weights));
  return {
    plan,
    digest: createHash('sha256').update(written).digest('hex'),
    notes: adapterNotes(adapter),
    parameters: async () => {
      const start = { init: true, random: seededNumbers(seed), ...reading };
      const added = await initialiseAdapter(adapter.missing, start);
      const all = new Map([...adapter.modules.values(), ...added].map((module) => [module.path, module]));
      return flattenModules(plan.modules.map(({ path }) => all.get(path)!));
    },
  };
}

function requireSameLayers(
  folder: string,
  { modules }: TargetPlan,
  given: ReadonlyMap<string, { readonly r: number; readonly scale: number }>,
): void {
  const wanted = new Map(modules.map((module) => [module.path, module]));
  const differences = [...new Set([...wanted.keys(), ...given.keys()])].flatMap((path) => {
    const [a, b] = [wanted.get(path), given.get(path)];
    if (!a) return [`${path} is not among the target modules`];
    if (!b) return [`${path} is not adapted`];
    if (a.r !== b.r) return [`${path} has r ${b.r}, not ${a.r}`];
    return a.scale === b.scale ? [] : [`${path} has scale ${b.scale}, not ${a.scale}`];
  });
  if (differences.length === 0) return;
  const more = differences.length > 5 ? ` and ${differences.length - 5} more` : '';
  throw new LowrankError(
    'init_adapter_mismatch',
    `the adapter ${folder} is not what the lora configuration describes: ${differences.slice(0, 5).join('; ')}${more}. ` +
      "Leave lora out to use the adapter's own configuration",
    { details: { folder, differences } },
  );
}
