/** Which layers of a `tf.LayersModel` a configuration names, and the rank and scale of each. */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { sizeOf } from '#base/shapes.js';
import { type LoraConfig, LoraConfigError, type LoraConfigInput, parseLoraConfig } from '#lora/config.js';
import { nearestNames } from '#base/nearest-names.js';
import type { TfLayer, TfLayersModel, TfTensor } from '#layers-model/tensorflow.js';

/**
 * Layers by name: 'all-linear' (every Dense layer), 'all-conv' (every Conv2D layer), another text or a RegExp as a
 * regular expression, or a list of names, classes and RegExps. A text must match the whole path of a layer, a RegExp
 * some part of it; a name in a list is the whole path or its end; layers of a model inside the model have paths such
 * as `encoder/conv_1`.
 */
export type LayerPattern = string | RegExp | readonly (string | RegExp)[];

/** PEFT's names and defaults; the keys of the patterns are names or classes of layers. */
export interface LayersLoraConfig extends Pick<
  LoraConfigInput,
  'r' | 'lora_alpha' | 'lora_dropout' | 'use_rslora' | 'init_lora_weights' | 'rank_pattern' | 'alpha_pattern'
> {
  readonly target_modules: LayerPattern;
  readonly exclude_modules?: LayerPattern;
  /** Of the random numbers; default 0. */
  readonly seed?: number;
}

/** The window of a Conv2D layer. */
export interface LayerWindow {
  readonly strides: [number, number];
  readonly padding: 'same' | 'valid';
  readonly channelsFirst: boolean;
}

/** A layer that gets an update. */
export interface LayerTarget {
  readonly path: string;
  readonly layer: TfLayer;
  /** [in, out] of a Dense layer, [kh, kw, in, out] of a Conv2D layer. */
  readonly kernelShape: readonly number[];
  readonly window: LayerWindow | undefined;
  readonly r: number;
  /** lora_alpha / r, or lora_alpha / sqrt(r) for rank-stabilised LoRA. */
  readonly scale: number;
}

interface NamedLayer {
  readonly path: string;
  readonly layer: TfLayer;
  readonly className: string;
}

const supported = ['Dense', 'Conv2D'];
const shorthands: Readonly<Record<string, string>> = { 'all-linear': 'Dense', 'all-conv': 'Conv2D' };

/** Every layer of a model by its path, those of models inside it included, each once. */
export function namedLayers({ layers }: Pick<TfLayersModel, 'layers'>, prefix = ''): NamedLayer[] {
  const all = layers.flatMap((layer): NamedLayer[] => {
    const path = `${prefix}${layer.name}`;
    const inner = (layer as Partial<Pick<TfLayersModel, 'layers'>>).layers;
    return inner
      ? namedLayers({ layers: inner }, `${path}/`)
      : [{ path, layer, className: layer.getClassName() }];
  });
  return all.filter(({ layer }, i) => all.findIndex((other) => other.layer === layer) === i);
}

/** Whether an entry of a list names a layer. */
function names(entry: string | RegExp, { path, className }: NamedLayer): boolean {
  // Unlike test(), search() does not go on from where the last one ended.
  if (entry instanceof RegExp) return path.search(entry) >= 0;
  return entry === path || entry === className || path.endsWith(`/${entry}`);
}

function matches(pattern: LayerPattern, layer: NamedLayer, field: string): boolean {
  if (typeof pattern !== 'string') {
    const entries = pattern instanceof RegExp ? [pattern] : pattern;
    return entries.some((entry) => names(entry, layer));
  }
  const className = shorthands[pattern.toLowerCase()];
  if (className) return layer.className === className;
  try {
    return new RegExp(`^(?:${pattern})$`).test(layer.path);
  } catch (error) {
    throw new LoraConfigError([
      {
        field,
        problem: `the regular expression ${JSON.stringify(pattern)} is not valid: ${(error as Error).message}`,
        fix: 'correct it, or give a list of names',
      },
    ]);
  }
}

/** The value of the first key that names a layer. */
function lookUp(pattern: Readonly<Record<string, number>>, layer: NamedLayer, otherwise: number): number {
  return Object.entries(pattern).find(([key]) => names(key, layer))?.[1] ?? otherwise;
}

/**
 * Finds the layers that get an update.
 *
 * Throws LoraConfigError, LowrankError `no_target_modules` and `rank_too_large`, and UnsupportedError for a named layer that is neither Dense nor Conv2D, or whose convolution is dilated.
 */
export function resolveLayers(
  model: TfLayersModel,
  config: LayersLoraConfig,
): {
  readonly targets: readonly LayerTarget[];
  readonly settings: LoraConfig;
} {
  const { target_modules: wanted, exclude_modules: excluded = [], seed: _, ...rest } = config;
  const settings = parseLoraConfig(rest);
  checkFields(config, settings);
  const layers = namedLayers(model);
  const chosen = layers.filter(
    (layer) => matches(wanted, layer, 'target_modules') && !matches(excluded, layer, 'exclude_modules'),
  );
  if (chosen.length === 0) throw noTargets(wanted, layers);
  const others = chosen.filter(({ className }) => !supported.includes(className));
  if (others.length > 0) {
    const shown = others.map(({ path, className }) => `${path} (${className})`);
    throw new UnsupportedError(
      `LoRA on ${shown.join(', ')} is not supported: target_modules may name Dense and Conv2D layers only`,
      { modules: others.map(({ path }) => path) },
    );
  }
  const targets = chosen.map((layer) => targetOf(layer, settings));
  checkRanks(targets);
  return { targets, settings };
}

/** What the types refuse, plain JavaScript may still give. */
function checkFields(config: LayersLoraConfig, settings: LoraConfig): void {
  const problems = [
    ...(config.target_modules
      ? []
      : [
          {
            field: 'target_modules',
            problem: 'is missing',
            fix: 'give "all-linear", "all-conv", a regular expression, or a list of names and classes of layers',
          },
        ]),
    ...(['layers_to_transform', 'layers_pattern'] as const)
      .filter((field) => settings[field] !== null)
      .map((field) => ({ field, problem: 'says nothing here', fix: 'name the layers in target_modules' })),
  ];
  if (problems.length > 0) throw new LoraConfigError(problems);
}

function targetOf(named: NamedLayer, settings: LoraConfig): LayerTarget {
  const { path, layer, className } = named;
  const [kernel] = layer.getWeights() as [TfTensor];
  const r = lookUp(settings.rank_pattern, named, settings.r);
  const alpha = lookUp(settings.alpha_pattern, named, settings.lora_alpha);
  const scale = alpha / (settings.use_rslora ? Math.sqrt(r) : r);
  const window = className === 'Conv2D' ? windowOf(path, layer) : undefined;
  return { path, layer, kernelShape: [...kernel.shape], window, r, scale };
}

function windowOf(path: string, layer: TfLayer): LayerWindow {
  const { strides, padding, dataFormat, dilationRate } = layer.getConfig() as {
    strides: [number, number];
    padding: 'same' | 'valid';
    dataFormat: string;
    dilationRate: number | number[];
  };
  if ([dilationRate].flat().some((rate) => rate > 1)) {
    throw new UnsupportedError(
      `LoRA on ${path} is not supported: its convolution is dilated, and TensorFlow.js has no gradient for that`,
      { modules: [path] },
    );
  }
  return { strides, padding, channelsFirst: dataFormat === 'channelsFirst' };
}

function noTargets(wanted: LayerPattern, layers: readonly NamedLayer[]): LowrankError {
  const usable = layers.filter(({ className }) => supported.includes(className));
  const known = usable.map(({ path, className }) => `${path} (${className})`);
  const written = [wanted].flat();
  const shown = JSON.stringify(written.length === 1 ? String(written[0]) : written.map(String));
  const nearest = written.flatMap((entry) =>
    typeof entry === 'string'
      ? nearestNames(entry, [...supported, ...usable.map(({ path }) => path), ...Object.keys(shorthands)])
      : [],
  );
  const hint = nearest.length > 0 ? `did you mean ${[...new Set(nearest)].join(' or ')}? ` : '';
  return new LowrankError(
    'no_target_modules',
    `target_modules ${shown} matches no layer of this model; ${hint}layers that can be named: ${known.join(', ')}`,
    { details: { nearest } },
  );
}

function checkRanks(targets: readonly LayerTarget[]): void {
  // As a matrix a kernel is [kh * kw * in, out]; of one channel of grey it still is of rank 9.
  const largestOf = ({ kernelShape }: LayerTarget) => {
    const out = kernelShape.at(-1)!;
    return Math.min(sizeOf(kernelShape) / out, out);
  };
  const tooSmall = targets.filter((target) => target.r > largestOf(target));
  if (tooSmall.length === 0) return;
  const shown = tooSmall.map(({ path, r, kernelShape }) => `${path} [${kernelShape.join(', ')}] with r ${r}`);
  const largest = Math.min(...tooSmall.map(largestOf));
  throw new LowrankError(
    'rank_too_large',
    `the rank exceeds the smaller side of the layer at ${shown.join(', ')}: use r of at most ${largest} there, by rank_pattern ` +
      'if the others shall keep theirs',
    { details: { modules: tooSmall.map(({ path }) => path), largest } },
  );
}
