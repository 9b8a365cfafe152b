/** The adapter_config.json of a composition. */
import type { Stack } from '#adapters/composition-members.js';
import type { LoraConfig } from '#lora/config.js';
import { parseLoraConfig } from '#lora/config.js';
import { namesPath } from '#lora/target-modules-match.js';

const lastName = (path: string) => path.split('.').at(-1)!;

/**
 * Names for exactly the layers of a stack, sorted: a last name such as q_proj where a member's own configuration says
 * that every layer of that name in the model is adapted, whole paths otherwise.
 */
export function stackTargets({ modules }: Pick<Stack, 'modules'>, configs: readonly LoraConfig[]): string[] {
  const whole = configs.filter(
    ({ layers_to_transform: layers, exclude_modules: excluded }) => layers === null && !excluded?.length,
  );
  const names = new Set(
    whole.flatMap(({ target_modules: targets }) => (Array.isArray(targets) ? targets : [])),
  );
  const paths = modules.map(({ path }) => path);
  return [...new Set(paths.map((path) => (names.has(lastName(path)) ? lastName(path) : path)))].sort();
}

/**
 * The configuration under which every layer has its rank and the scale 1: lora_alpha is r and alpha_pattern is
 * rank_pattern. There are no patterns where all ranks are equal, for servers that know none.
 */
export function compositionConfig(
  { base, members }: Pick<Stack, 'base' | 'members'>,
  targets: readonly string[],
  ranks: ReadonlyMap<string, number>,
): LoraConfig {
  const largest = Math.max(...ranks.values());
  const pattern = rankPattern(ranks, largest);
  return parseLoraConfig({
    r: largest,
    lora_alpha: largest,
    rank_pattern: pattern,
    alpha_pattern: pattern,
    target_modules: targets,
    base_model_name_or_path: base.name,
    revision: base.revision,
    fan_in_fan_out: members.some(({ adapter }) => adapter.config.fan_in_fan_out),
  });
}

/**
 * The ranks that differ from `otherwise`, under last names where all layers of that name have one rank.
 *
 * Whole paths are written with plain dots, for old versions of PEFT take a key that is no expression only if it is the
 * path to the letter.
 */
function rankPattern(ranks: ReadonlyMap<string, number>, otherwise: number): Record<string, number> {
  const pattern: Record<string, number> = {};
  for (const name of [...new Set([...ranks.keys()].map(lastName))].sort()) {
    const named = [...ranks].filter(([path]) => namesPath(name, path));
    const [[, first] = ['', otherwise]] = named;
    if (named.every(([, r]) => r === first)) {
      if (first !== otherwise) pattern[name] = first;
      continue;
    }
    for (const [path, r] of named) if (r !== otherwise) pattern[path] = r;
  }
  return pattern;
}
