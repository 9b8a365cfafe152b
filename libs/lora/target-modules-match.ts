/** Which module paths a LoRA configuration names and which rank it gives them, by the rules of PEFT's tuners_utils. */
import type { LoraConfig } from '#lora/config.js';
import { matchPaths } from '#lora/match-paths.js';
import { pythonFullmatch, pythonMatch } from '#lora/target-modules-regex.js';

/** The shorthand for every linear layer but the output embedding. */
export function isAllLinear(targetModules: LoraConfig['target_modules']): boolean {
  return typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear';
}

/** How a configuration treats one module path. */
export type TargetVerdict = 'targeted' | 'excluded' | 'not-targeted';

/**
 * Decides for every path whether LoRA goes there.
 *
 * A list names a path whole or by its last components; a text is a regular expression for the whole path; exclusion
 * wins. `layers_to_transform` narrows a list, except for entries that are a whole path (as in PEFT 0.21).
 * `target_modules` must have been made concrete: neither null nor 'all-linear'.
 */
export function judgePaths(config: LoraConfig, paths: readonly string[]): TargetVerdict[] {
  const targets = config.target_modules ?? [];
  const excluded = matchNames(config.exclude_modules, paths, 'exclude_modules');
  const named = matchNames(targets, paths, 'target_modules');
  const inLayer = matchLayers(config, paths);
  const wholePaths = new Set(typeof targets === 'string' ? [] : targets);
  return paths.map((path, i) => {
    if (excluded[i]) return 'excluded';
    return named[i] && (wholePaths.has(path) || inLayer[i]) ? 'targeted' : 'not-targeted';
  });
}

/** Whether a list entry names a path: whole, or its last components. */
export function namesPath(name: string, path: string): boolean {
  return path === name || path.endsWith(`.${name}`);
}

/** A path and its ends from each of its dots on: the names under which a list may have it. */
export function endsOf(path: string): string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(i).join('.'));
}

function matchNames(
  names: string | readonly string[] | null,
  paths: readonly string[],
  field: string,
): boolean[] {
  if (names === null || names.length === 0) return paths.map(() => false);
  if (typeof names === 'string') {
    return matchPaths([pythonFullmatch(names, field)], paths, field)[0]!.map((match) => match !== null);
  }
  const known = new Set(names);
  return paths.map((path) => endsOf(path).some((end) => known.has(end)));
}

function matchLayers(config: LoraConfig, paths: readonly string[]): boolean[] {
  const layers = new Set(config.layers_to_transform === null ? [] : [config.layers_to_transform].flat());
  if (layers.size === 0) return paths.map(() => true);
  const patterns = [config.layers_pattern ?? []].flat().filter((pattern) => pattern !== '');
  const field = 'layers_pattern';
  const expressions =
    patterns.length === 0
      ? [pythonMatch(String.raw`.*?\.[^.]*\.(?P<idx>\d+)\.`, field)]
      : patterns.map((pattern) => pythonMatch(String.raw`(?:^|.*?\.)${pattern}\.(?P<idx>\d+)\.`, field));
  const indices = matchPaths(expressions, paths, field);
  return paths.map((_, i) => {
    const index = indices.map((ofExpression) => ofExpression[i]).find((match) => match !== null);
    return index !== undefined && layers.has(Number(index));
  });
}

/** The rank of one module and what its update is multiplied by. */
export interface ModuleRank {
  readonly r: number;
  readonly loraAlpha: number;
  /** loraAlpha / r, or loraAlpha / sqrt(r) for rank-stabilised LoRA (arXiv 2312.03732). */
  readonly scale: number;
}

/**
 * The rank and alpha of every path: the value of the first key of `rank_pattern` and `alpha_pattern` that matches the
 * end of the path from a dot on, otherwise `r` and `lora_alpha`.
 */
export function rankPaths(config: LoraConfig, paths: readonly string[]): ModuleRank[] {
  const ranks = lookUp(config.rank_pattern, paths, 'rank_pattern', config.r);
  const alphas = lookUp(config.alpha_pattern, paths, 'alpha_pattern', config.lora_alpha);
  return paths.map((_, i) => {
    const [r, loraAlpha] = [ranks[i]!, alphas[i]!];
    return { r, loraAlpha, scale: loraAlpha / (config.use_rslora ? Math.sqrt(r) : r) };
  });
}

/** For each key of a pattern, the paths that it matches. */
export function matchPatternKeys(
  pattern: Readonly<Record<string, number>>,
  paths: readonly string[],
  field: string,
): { readonly key: string; readonly matches: readonly boolean[] }[] {
  const keys = Object.keys(pattern);
  const expressions = keys.map((key) => pythonMatch(String.raw`(.*\.)?(${key})$`, `${field}.${key}`));
  const matches = matchPaths(expressions, paths, field);
  return keys.map((key, k) => ({ key, matches: matches[k]!.map((match) => match !== null) }));
}

function lookUp(
  pattern: Readonly<Record<string, number>>,
  paths: readonly string[],
  field: string,
  otherwise: number,
): number[] {
  const keys = matchPatternKeys(pattern, paths, field);
  return paths.map((_, i) => {
    const first = keys.find(({ matches }) => matches[i]);
    return first === undefined ? otherwise : pattern[first.key]!;
  });
}
