import { LowrankError, UnsupportedError } from '#base/errors.js';
import { adapterLayout } from '#lora/adapter-layout.js';
import { LoraConfigError, type LoraConfig } from '#lora/config.js';
import { nearestOf } from '#base/nearest-names.js';
import { cut, quote } from '#base/quote.js';
import {
  isAllLinear,
  endsOf,
  judgePaths,
  matchPatternKeys,
  namesPath,
  rankPaths,
} from '#lora/target-modules-match.js';
import { plainModules } from '#lora/inits/plain-lora.js';
import { isSubtracted, requireInit } from '#lora/inits/registry.js';
import { checkGroups, checkRanks } from '#lora/rank-limits.js';
import { geometryOf, layerKind } from '#lora/layer-kinds/registry.js';
import type { Variant } from '#lora/variants/variant.js';
import { targetModule, variantOf } from '#lora/variants/registry.js';
import type { AdapterTensor, TargetModule } from '#lora/target-module.js';
import { isLeftWhole, isSaved, wholeTargets } from '#lora/variants/whole-weights.js';
import { safetensorsLayout } from '#models/safetensors-write.js';
import { familyOf } from '#models/families/registry.js';
import type { Model } from '#models/model.js';
import { type Module, RowMap } from '#nn/module.js';

/** What a LoRA configuration comes to on one model. */
export interface TargetPlan {
  /** In the order of the model's module tree. */
  readonly modules: readonly TargetModule[];
  /** The configuration as it belongs into an adapter: `target_modules` is a sorted list or a regular expression. */
  readonly config: LoraConfig;
  readonly trainableParameters: number;
  /** Size of the adapter's weight file in float32. */
  readonly adapterBytes: number;
  /** Names and patterns that match nothing. PEFT takes no notice of them; they are often typing errors. */
  readonly unmatched: {
    readonly target_modules: readonly string[];
    readonly exclude_modules: readonly string[];
    readonly rank_pattern: readonly string[];
    readonly alpha_pattern: readonly string[];
    readonly modules_to_save: readonly string[];
    readonly bias: readonly string[];
  };
}

/**
 * Finds the layers that a LoRA configuration names on a model, and the rank, scale and tensors of each. With `isImport`
 * the adapter is there already: its ranks are what they are, and none is too large.
 *
 * Throws LowrankError `no_target_modules` with the nearest names, `rank_too_large` with every module that is too small,
 * UnsupportedError if something else than an inner linear layer is named, LoraConfigError for a regular expression.
 * Rules: PEFT 0.21, `check_target_module_exists` and `get_pattern_key`.
 */
export function resolveTargetModules(
  model: Model,
  written: LoraConfig,
  { isImport = false }: { readonly isImport?: boolean } = {},
): TargetPlan {
  // The root has no path that could be named.
  const modules = [...model.modules()].filter(({ path }) => path !== '');
  const linears = modules.filter((module) => module instanceof RowMap);
  const inner = modules.filter((module) => geometryOf(module) && !model.headLayers.includes(module));
  const innerLinears = linears.filter((linear) => !model.headLayers.includes(linear));
  const asked = withHeads(model, {
    ...written,
    target_modules: concreteTargets(model, innerLinears, written),
  });
  const paths = modules.map(({ path }) => path);
  const verdicts = judgePaths(asked, paths);
  // What is trained whole has no low-rank update besides, as in PEFT.
  const targeted = new Set(
    paths.filter((path, i) => verdicts[i] === 'targeted' && !isLeftWhole(asked, path)),
  );
  if (targeted.size === 0) throw noTargetModules(asked, linears);
  refuseTwice(asked, targeted);

  const chosen = inner.filter(({ path }) => targeted.has(path));
  if (chosen.length < targeted.size) {
    throw unsupportedTargets(
      model,
      modules.filter((module) => targeted.has(module.path) && !chosen.includes(module)),
    );
  }
  const config = {
    ...asked,
    fan_in_fan_out: innerLinears.some((linear) => linear.isTransposed && chosen.includes(linear)),
  };
  const chosenPaths = chosen.map(({ path }) => path);
  const ranks = rankPaths(config, chosenPaths);
  const variant = variantOf(config);
  const targets = chosen.map((module, i) =>
    targetModule(module.path, geometryOf(module)!, ranks[i]!, variant, trainsBias(module, config)),
  );
  refuseLayers(variant, chosen, targets);
  if (!isImport) {
    checkRanks(targets);
    requireInit(config, targets);
  }
  const whole = wholeTargets(modules, config, targeted);
  const all = [...targets, ...whole];
  const init = config.init_lora_weights;
  if (
    isSubtracted(init) &&
    all.some(({ tensors }) => tensors.some(({ replaces }) => replaces !== undefined))
  ) {
    throw new UnsupportedError(
      `init_lora_weights ${quote(init)} is not done together with bias or modules_to_save: leave one of them out`,
    );
  }
  return {
    modules: all,
    config,
    trainableParameters: adapterLayout(all).size,
    adapterBytes: adapterBytes([...plainModules(config, targets), ...whole]),
    unmatched: {
      target_modules: unmatchedNames(config.target_modules, paths),
      exclude_modules: unmatchedNames(config.exclude_modules ?? [], paths),
      rank_pattern: unmatchedKeys(config, 'rank_pattern', chosenPaths),
      alpha_pattern: unmatchedKeys(config, 'alpha_pattern', chosenPaths),
      modules_to_save: (written.modules_to_save ?? []).filter(
        (name) => !whole.some(({ path }) => isSaved({ ...config, modules_to_save: [name] }, path)),
      ),
      bias: config.bias === 'none' || all.some(({ tensors }) => tensors.some(isBias)) ? [] : [config.bias],
    },
  };
}

/** Throws LoraConfigError for layers that get a low-rank update and are trained whole. */
function refuseTwice(config: LoraConfig, targeted: ReadonlySet<string>): void {
  const twice = [...targeted].filter((path) => isSaved(config, path));
  if (twice.length === 0) return;
  const more = twice.length > 1 ? ` and ${twice.length - 1} more` : '';
  throw new LoraConfigError([
    {
      field: 'modules_to_save',
      problem: `${quote(config.modules_to_save)} names ${twice[0]}${more}, which target_modules names too (PEFT looks at how names end)`,
      fix: 'give whole last names of modules, such as ["lm_head"]',
    },
  ]);
}

const isBias = ({ replaces }: AdapterTensor) => replaces?.endsWith('bias') ?? false;

function trainsBias(layer: Module, { bias }: LoraConfig): boolean {
  return bias !== 'none' && layer.ownParameters.some(({ name }) => name === `${layer.path}.bias`);
}

/** The heads that PEFT trains by itself for the task `SEQ_CLS`. Throws LoraConfigError for that task on other models. */
function withHeads<C extends LoraConfig>(model: Model, config: C): C {
  if (config.task_type !== 'SEQ_CLS') return config;
  if (model.head !== 'classify') {
    throw new LoraConfigError([
      {
        field: 'task_type',
        problem: '"SEQ_CLS" is for models that tell classes, and this one predicts tokens',
        fix: 'leave it out',
      },
    ]);
  }
  return {
    ...config,
    modules_to_save: [...new Set([...(config.modules_to_save ?? []), 'classifier', 'score'])],
  };
}

function concreteTargets(
  { config }: Model,
  inner: readonly RowMap[],
  { target_modules: targets }: LoraConfig,
): string | string[] {
  const { defaultTargets } = familyOf(config);
  if (targets === null) return typeof defaultTargets === 'string' ? defaultTargets : [...defaultTargets];
  // Last names instead of PEFT's whole paths: the same modules in these families, and what servers expect to read.
  if (isAllLinear(targets)) {
    // In an image-text model they would name layers of its vision tower too.
    const nameOf = (path: string) => (config.wrapper === null ? path.split('.').at(-1)! : path);
    return [...new Set(inner.map(({ path }) => nameOf(path)))].sort();
  }
  return typeof targets === 'string' ? targets : [...new Set(targets)].sort();
}

function noTargetModules(config: LoraConfig, linears: readonly RowMap[]): LowrankError {
  const targets = config.target_modules!;
  const paths = linears.map(({ path }) => path);
  const lastNames = new Set(paths.map((path) => path.split('.').at(-1)!));
  const candidates = [...lastNames, ...paths];
  const shown = quote(targets);
  const fail = (reason: string, nearest: readonly string[] = []) =>
    new LowrankError(
      'no_target_modules',
      `target_modules ${shown} matches no linear layer of this model${reason}`,
      {
        details: {
          targetModules:
            typeof targets === 'string' ? cut(targets) : targets.slice(0, 50).map((name) => cut(name)),
          nearest,
        },
      },
    );
  if (judgePaths({ ...config, exclude_modules: null }, paths).includes('targeted')) {
    return fail(` that exclude_modules ${quote(config.exclude_modules)} leaves`);
  }
  if (typeof targets === 'string') {
    const asList = [...lastNames].filter((name) => namesPath(targets, name));
    const hint =
      asList.length > 0
        ? `write [${JSON.stringify(targets)}], or ${JSON.stringify(`.*\\.${targets}`)}`
        : `an example is ${JSON.stringify(paths[0])}`;
    return fail(`: a text is a regular expression for the whole path of a module; ${hint}`, asList);
  }
  if (config.layers_to_transform !== null && unmatchedNames(targets, paths).length < targets.length) {
    const pattern = config.layers_pattern === null ? '' : `, layers_pattern ${quote(config.layers_pattern)}`;
    return fail(` in layers_to_transform ${quote(config.layers_to_transform)}${pattern}`);
  }
  if (targets.some((name) => isAllLinear(name))) return fail(': write "all-linear" as a text, not in a list');
  const nearest = nearestOf(targets, candidates);
  const hint =
    nearest.length > 0
      ? `did you mean ${nearest.join(' or ')}?`
      : `known names: ${[...lastNames].join(', ')}`;
  return fail(`; ${hint}`, nearest);
}

function unsupportedTargets(model: Model, modules: readonly Module[]): UnsupportedError {
  const paths = modules.map(({ path }) => path);
  const shown = modules
    .slice(0, 5)
    .map((module) => `${module.path} (${model.headLayers.includes(module) ? model.headName : module.kind})`);
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : '';
  return new UnsupportedError(
    `LoRA on ${shown.join(', ')}${more} is not supported: target_modules may name linear layers, embeddings and convolutions inside the model only`,
    { modules: paths },
  );
}

/** Throws for layers on which the variant, or LoRA itself, is not done. */
function refuseLayers(variant: Variant, layers: readonly Module[], targets: readonly TargetModule[]): void {
  for (const [i, target] of targets.entries()) {
    const { path, groups = 1 } = target;
    const reason = variant.refusal?.(target) ?? layerKind(target).refusal?.(layers[i]!);
    if (reason !== undefined) throw new UnsupportedError(`LoRA on ${path}: ${reason}`, { module: path });
    checkGroups(target, groups);
  }
}

function adapterBytes(modules: readonly TargetModule[]): number {
  const tensors = modules.flatMap(({ tensors }) =>
    tensors.map(({ key, shape }) => [key, { dtype: 'F32' as const, shape }] as const),
  );
  return safetensorsLayout(new Map(tensors), { format: 'pt' }).byteLength;
}

function unmatchedNames(names: string | readonly string[], paths: readonly string[]): string[] {
  if (typeof names === 'string') return [];
  const known = new Set(paths.flatMap(endsOf));
  return names.filter((name) => !known.has(name));
}

function unmatchedKeys(
  config: LoraConfig,
  field: 'rank_pattern' | 'alpha_pattern',
  paths: readonly string[],
): string[] {
  return matchPatternKeys(config[field], paths, field)
    .filter(({ matches }) => !matches.includes(true))
    .map(({ key }) => key);
}
