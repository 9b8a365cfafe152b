/** Adapters in the safetensors of kohya-ss/sd-scripts, read as what PEFT calls them: see exports/kohya.ts for the format. */
import { AdapterError, type AdapterModule } from '#adapters/adapter.js';
import { classifierConfig } from '#adapters/adapter-classes.js';
import { kohyaKey, kohyaPaths } from '#adapters/kohya-names.js';
import type { AdapterContent } from '#adapters/write-adapter.js';
import { UnsupportedError } from '#base/errors.js';
import { listed } from '#base/quote.js';
import { sizeOf } from '#base/shapes.js';
import { parseLoraConfig } from '#lora/config.js';
import { geometryOf } from '#lora/layer-kinds/registry.js';
import type { TargetModule } from '#lora/target-module.js';
import { resolveTargetModules } from '#lora/target-modules.js';
import { targetModule } from '#lora/variants/registry.js';
import type { ModelFolder } from '#models/model-folder.js';
import { readModelOrigin } from '#models/model-origin.js';
import { isFloatDtype } from '#models/safetensors-dtype.js';
import {
  ADAPTER_LIMITS,
  readSafetensorsHeader,
  readTensorF32,
  type SafetensorsFile,
  type TensorEntry,
} from '#models/safetensors.js';

/** Tensors of other methods that come in files of the same kind; LyCORIS is where most are from. */
const otherForms: readonly [pattern: RegExp, what: string, fix: string][] = [
  [/\.hada_/, 'LoHa (products of products)', 'train it as LoRA or LoCon'],
  [/\.lokr_/, 'LoKr (Kronecker products)', 'train it as LoRA or LoCon'],
  [/\.dora_scale$/, 'DoRA as LyCORIS saves it', 'merge it into its model, or train DoRA here (use_dora)'],
  [/\.lora_mid\./, 'LoCon in Tucker form (lora_mid)', 'save it with use_tucker=False'],
  [/\.(oft_|boft_|a1\.|b1\.)/, 'an orthogonal or another transformation', 'train it as LoRA or LoCon'],
  [/\.(diff|diff_b|w_norm|b_norm|bias)$/, 'changed weights of the base itself', 'save it without them'],
  [/\.lora_[AB]\.(?:.+\.)?weight$/, "PEFT's form", 'send it with its adapter_config.json'],
];
const parts = ['lora_down.weight', 'lora_up.weight', 'alpha'] as const;
type Part = (typeof parts)[number];
type Layer = Partial<Record<Part, TensorEntry>>;

/** The model that a file names as its base, if it does. Throws the errors of `readSafetensorsHeader`. */
export async function kohyaBase(file: string): Promise<string | undefined> {
  return (await readSafetensorsHeader(file, ADAPTER_LIMITS)).metadata['ss_sd_model_name'];
}

/**
 * Reads a file as an adapter of a base model, whose tree says which layers its names mean; `shownAs` names it in messages.
 *
 * Throws AdapterError `adapter_incomplete`, `adapter_mismatch`, UnsupportedError for LoHa, LoKr, DoRA and Tucker forms,
 * and the errors of `resolveTargetModules` and `readSafetensorsHeader`.
 */
export async function readKohya(file: string, base: ModelFolder, shownAs: string): Promise<AdapterContent> {
  const opened = await readSafetensorsHeader(file, ADAPTER_LIMITS);
  const layers = layersOf(opened, shownAs);
  const placed = pathsOf(base, layers, shownAs);
  const modules: AdapterModule[] = [];
  for (const [path, { name, layer }] of placed) {
    const { alpha, ...factors } = complete(name, layer, shownAs);
    const r = factors.A.shape[0] ?? 0;
    const given = alpha === undefined ? 0 : ((await readTensorF32(opened, alpha))[0] ?? 0);
    if (!Number.isFinite(given) || given < 0) {
      throw new AdapterError('adapter_mismatch', shownAs, `${name}.alpha is ${given}: it must be above 0`);
    }
    // sd-scripts takes the rank where there is none, or 0.
    const loraAlpha = given === 0 ? r : given;
    const geometry = geometryOf(base.tree.slotOf(path).module)!;
    const target = targetModule(path, geometry, { r, loraAlpha, scale: loraAlpha / r });
    for (const [role, entry] of Object.entries(factors)) requireShape(name, target, role, entry, shownAs);
    const A = await readTensorF32(opened, factors.A);
    modules.push({ ...target, numbers: { A, B: await readTensorF32(opened, factors.B) } });
  }
  const { licence } = await readModelOrigin(base.folder);
  const { config } = resolveTargetModules(base.tree, configOf(modules, opened), { isImport: true });
  return { config, modules, licence, classifier: await classifierConfig(base) };
}

function layersOf(file: SafetensorsFile, shownAs: string): ReadonlyMap<string, Layer> {
  const layers = new Map<string, Layer>();
  const strange: string[] = [];
  for (const [key, entry] of file.tensors) {
    for (const [pattern, what, fix] of otherForms) {
      if (!pattern.test(key)) continue;
      throw new UnsupportedError(
        `adapter ${shownAs}: tensor ${key} belongs to ${what}, which is not supported: ${fix}`,
        { tensor: key },
      );
    }
    const [, name, part] = kohyaKey.exec(key) ?? [];
    const known = parts.find((one) => one === part);
    if (name === undefined || known === undefined) strange.push(key);
    else layers.set(name, { ...layers.get(name), [known]: entry });
    if (known !== undefined && !(isFloatDtype(entry.dtype) || entry.dtype === 'F64')) {
      throw new UnsupportedError(
        `adapter ${shownAs}: tensor ${key} is of ${entry.dtype}: save it as F32, BF16 or F16`,
      );
    }
  }
  if (strange.length === 0 && layers.size > 0) return layers;
  throw new AdapterError(
    'adapter_mismatch',
    shownAs,
    strange.length > 0
      ? `tensors ${listed(strange.slice(0, 5))} are not named like lora_te_LAYER.lora_down.weight, as kohya's files have them; send a PEFT adapter with its adapter_config.json`
      : 'has no tensors',
    { details: { extra: strange } },
  );
}

/** The layers by their paths in the base. Throws AdapterError `adapter_mismatch` naming those that it does not have. */
function pathsOf(
  { tree, config }: ModelFolder,
  layers: ReadonlyMap<string, Layer>,
  shownAs: string,
): ReadonlyMap<string, { readonly name: string; readonly layer: Layer }> {
  const candidates = kohyaPaths(tree);
  const adaptable = new Set([...tree.modules()].flatMap((one) => (geometryOf(one) ? [one.path] : [])));
  const placed = new Map<string, { name: string; layer: Layer }>();
  const unknown: string[] = [];
  for (const [name, layer] of layers) {
    const paths = candidates(name).filter((path) => adaptable.has(path));
    const [path] = paths;
    if (path === undefined) unknown.push(name);
    else if (paths.length > 1 || placed.has(path)) {
      const rivals = paths.length > 1 ? paths.join(' and ') : `${path}, as does ${placed.get(path)!.name}`;
      throw new AdapterError('adapter_mismatch', shownAs, `the layer ${name} may be ${rivals}`);
    } else placed.set(path, { name, layer });
  }
  if (unknown.length === 0) return placed;
  throw new AdapterError(
    'adapter_mismatch',
    shownAs,
    `${unknown.length} of its ${layers.size} layers are not in the base model, which is of ${config.architecture}: ${listed(unknown.slice(0, 5))}; name the model that it was trained on`,
    { details: { extra: unknown } },
  );
}

function complete(name: string, layer: Layer, shownAs: string) {
  const { 'lora_down.weight': A, 'lora_up.weight': B, alpha } = layer;
  if (A && B) return { A, B, alpha };
  const missing = A ? 'lora_up.weight' : 'lora_down.weight';
  throw new AdapterError('adapter_incomplete', shownAs, `the layer ${name} has no ${missing}`, {
    details: { missing: [`${name}.${missing}`] },
  });
}

/** A linear layer may be written as a convolution of one place. */
function requireShape(
  name: string,
  { path, tensors }: TargetModule,
  role: string,
  { shape }: TensorEntry,
  shownAs: string,
): void {
  const expected = tensors.find((tensor) => tensor.role === role)!.shape;
  const isSame = shape.length >= 2 && sizeOf(shape) === sizeOf(expected);
  const isPrefix = expected.every((size, i) => (shape[i] ?? 1) === size);
  if (isSame && isPrefix && shape.slice(expected.length).every((size) => size === 1)) return;
  throw new AdapterError(
    'adapter_mismatch',
    shownAs,
    `${role === 'A' ? 'lora_down' : 'lora_up'} of ${name} is [${shape.join(', ')}] and should be [${expected.join(', ')}] for ${path}`,
    { details: { module: path, misshapen: [name] } },
  );
}

/** The value that most have, the first of several. */
function usual(values: readonly number[]): number {
  const count = (value: number) => values.filter((one) => one === value).length;
  return values.reduce((best, value) => (count(value) > count(best) ? value : best), values[0]!);
}

function configOf(modules: readonly AdapterModule[], { metadata }: SafetensorsFile) {
  const r = usual(modules.map((module) => module.r));
  const alpha = usual(modules.map(({ loraAlpha }) => loraAlpha));
  const differing = (value: (module: AdapterModule) => number, common: number) =>
    Object.fromEntries(
      modules.flatMap((module) => (value(module) === common ? [] : [[module.path, value(module)] as const])),
    );
  return parseLoraConfig({
    r,
    lora_alpha: alpha,
    target_modules: modules.map(({ path }) => path).toSorted(),
    rank_pattern: differing((module) => module.r, r),
    alpha_pattern: differing(({ loraAlpha }) => loraAlpha, alpha),
    base_model_name_or_path: metadata['ss_sd_model_name'] ?? null,
  });
}
