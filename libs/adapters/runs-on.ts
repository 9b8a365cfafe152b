/** Which programs load an adapter as it is, by the rules of runs-on-rules.ts. */
import type { ExportFormatName } from '#adapters/exports/declared.js';
import { programs, type Trait } from '#adapters/runs-on-rules.js';
import { families } from '#models/families/registry.js';

export interface RunsOn {
  readonly program: string;
  /** Whether it loads the files as they are, and computes what was trained. */
  readonly runs: boolean;
  /** Why not, or what it needs. */
  readonly reason: string | null;
  /** The format of an export that would do. */
  readonly export: ExportFormatName | null;
}

/** An adapter as its adapter_config.json says it. */
export interface JudgedAdapter {
  readonly config: Readonly<Record<string, unknown>>;
  readonly classes: readonly string[] | null;
  /** Of its base, as config.json names it; null if the base is not known, which is then taken to be a usual one. */
  readonly architecture: string | null;
}

/** The verdict of every program. */
export function runsOn(adapter: JudgedAdapter): RunsOn[] {
  const traits = traitsOf(adapter);
  return programs.map(({ program, rules }) => {
    const rule = rules.find((rule) => traits.has(rule.if));
    return {
      program,
      runs: rule === undefined || rule.runs === true,
      reason: rule?.reason ?? null,
      export: rule?.export ?? null,
    };
  });
}

const isFilled = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;
const embeddings = /(^|[^a-z_])(embed_tokens|wte|embed_in|word_embeddings|lm_head|embed_out)($|[^a-z_])/;

function traitsOf({ config, classes, architecture }: JudgedAdapter): ReadonlySet<Trait> {
  const { bias = 'none', modules_to_save: saved, target_modules: targets, r, rank_pattern: ranks } = config;
  const family = families.find((one) => one.architecture === architecture);
  const most = Math.max(...[r, ...(isFilled(ranks) ? Object.values(ranks as object) : [])].map(Number));
  const found: Readonly<Record<Trait, boolean>> = {
    images: family?.inputs === 'images',
    classes: classes !== null || family?.head === 'classify',
    dora: config['use_dora'] === true,
    bias: config['lora_bias'] === true,
    whole: bias !== 'none' || isFilled(saved),
    // A regular expression names them in so many letters too.
    embedding: [targets].flat().some((name) => typeof name === 'string' && embeddings.test(name)),
    patterns: isFilled(ranks) || isFilled(config['alpha_pattern']),
    'rank above 16': most > 16,
    'no llama.cpp': family !== undefined && family.gguf === undefined,
    any: true,
  };
  return new Set(Object.entries(found).flatMap(([trait, is]) => (is ? [trait as Trait] : [])));
}
