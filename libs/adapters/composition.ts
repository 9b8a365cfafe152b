/** Several adapters of one base model added up to one: the exact sum of weight * scale * B A, or the best short of it. */
import { join } from 'node:path';
import { ADAPTER_FILES, checkFinite } from '#adapters/adapter.js';
import { compositionConfig, stackTargets } from '#adapters/composition-config.js';
import { checkWeights, requireAdditive, stackMembers, sumWeights } from '#adapters/composition-members.js';
import type { CompositionMember, Stack } from '#adapters/composition-members.js';
import { stackedFactors, truncatedFactors } from '#adapters/composed-factors.js';
import { checkForm, recipeId } from '#adapters/composition-recipe.js';
import type { CompositionForm, CompositionRecipe, RecipeId } from '#adapters/composition-recipe.js';
import { chooseRank, energyByRank, reportModule, reportOverall } from '#adapters/composition-report.js';
import type { Closeness, ModuleReport } from '#adapters/composition-report.js';
import {
  conflictsOf,
  type MemberConflict,
  type ModuleOverlaps,
  overlapsOf,
} from '#adapters/member-conflicts.js';
import { columnFactors, measureModule, readParts, spectrumOf } from '#adapters/stack-measure.js';
import type { MeasuredModule, Spectrum } from '#adapters/stack-measure.js';
import { describingFiles } from '#adapters/write-adapter.js';
import { rankPaths } from '#lora/target-modules-match.js';
import type { LoraFactors, TargetModule } from '#lora/target-module.js';
import { targetModule } from '#lora/variants/registry.js';
import { fileChunks, floatSource } from '#models/safetensors-write.js';
import type { TensorSource } from '#models/safetensors-write.js';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';

/** The file beside PEFT's that says what a composition was made of. */
export const RECIPE_FILE = 'lowrank_recipe.json';

/** How far a composition has come, in layers. */
export interface CompositionProgress {
  readonly stage: 'measure' | 'write';
  readonly done: number;
  readonly total: number;
}

/** How long work is watched and stopped. */
export interface CompositionHooks {
  readonly onProgress?: (progress: CompositionProgress) => void;
  /** Aborting it rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What a composition is, and what it keeps of the exact sum. */
export interface CompositionReport {
  readonly id: RecipeId;
  readonly recipe: CompositionRecipe;
  readonly overall: Closeness;
  /** By path. */
  readonly modules: readonly ModuleReport[];
  /** Share of the squared norm that one rank for all layers keeps, from the rank 1 to that of the exact sum. */
  readonly energyByRank: readonly number[];
  /** Every two members; null where `open` was not asked to compare them. */
  readonly conflicts: readonly MemberConflict[] | null;
}

interface PlannedModule {
  readonly module: MeasuredModule;
  readonly spectrum: Spectrum;
  readonly rank: number;
}

/** Members whose sum has been measured; other weights and forms can then be tried without reading them again. */
export class Composition {
  /** Those of the weights that were planned last: another form of the same sum needs no others. */
  private spectra: { readonly weights: string; readonly ofModules: readonly Spectrum[] } | undefined;

  private constructor(
    private readonly listed: readonly CompositionMember[],
    private readonly stack: Stack,
    private readonly modules: readonly MeasuredModule[],
    private readonly targets: readonly string[],
    private readonly overlaps: readonly ModuleOverlaps[] | null,
  ) {}

  /**
   * Reads every member and measures their sum, one layer after the other: memory is that of one layer. `conflicts` has
   * the members compared with each other too.
   *
   * Throws what `stackMembers` throws for members that do not fit, and the reason of the signal.
   */
  static async open(
    members: readonly CompositionMember[],
    { onProgress, signal, conflicts = false }: CompositionHooks & { readonly conflicts?: boolean } = {},
  ): Promise<Composition> {
    const stack = await stackMembers(members, signal);
    requireAdditive(stack);
    const measured: MeasuredModule[] = [];
    const overlaps: ModuleOverlaps[] = [];
    for (const module of stack.modules) {
      signal?.throwIfAborted();
      const factors = await readParts(stack, module);
      const one = measureModule(module, factors);
      measured.push(one);
      if (conflicts) overlaps.push(overlapsOf(one, factors));
      onProgress?.({ stage: 'measure', done: measured.length, total: stack.modules.length });
    }
    const targets = stackTargets(
      stack,
      members.map(({ adapter }) => adapter.config),
    );
    return new Composition(members, stack, measured, targets, conflicts ? overlaps : null);
  }

  /** The largest rank of the members together in any layer. */
  get stackRank(): number {
    return Math.max(...this.modules.map(({ rank }) => rank));
  }

  /**
   * What a form would keep, with other weights for the members as they were listed if some are given.
   *
   * Throws CompositionError `weights_miscounted`, `weight_not_finite`, `rank_invalid`, `rank_above_stack` and
   * `energy_invalid`.
   */
  report(form: CompositionForm, weights?: readonly number[]): CompositionReport {
    return this.plan(form, this.canonicalWeights(weights)).report;
  }

  /**
   * Writes the composition as an adapter in PEFT's format, with the scale 1 everywhere, and its recipe beside it.
   *
   * The folder appears whole or not at all, and equal recipes give equal bytes, on every machine. Throws what `report`
   * throws, AdapterError `adapter_not_finite` if weights and factors are too large for float32, LowrankError
   * `folder_exists` and `disk_full`, and the reason of the signal.
   */
  async write(
    folder: string,
    form: CompositionForm,
    { onProgress, signal, weights: listed }: CompositionHooks & { readonly weights?: readonly number[] } = {},
  ): Promise<CompositionReport> {
    const weights = this.canonicalWeights(listed);
    const { report, modules } = this.plan(form, weights);
    const paths = modules.map(({ module }) => module.path);
    const ranks = new Map(modules.map(({ module, rank }) => [module.path, rank]));
    const config = compositionConfig(this.stack, this.targets, ranks);
    const misread = rankPaths(config, paths).findIndex(
      ({ r, scale }, i) => r !== modules[i]!.rank || scale !== 1,
    );
    if (misread >= 0) throw new Error(`the patterns give ${paths[misread]} another rank`);

    let done = 0;
    const factorsOf = async ({ module, spectrum, rank }: PlannedModule): Promise<LoraFactors> => {
      signal?.throwIfAborted();
      const factors = await readParts(this.stack, module);
      const composed =
        form.kind === 'stacked' && rank === module.rank
          ? stackedFactors(module, factors, columnFactors(module, weights))
          : truncatedFactors(module, factors, spectrum, rank);
      checkFinite(folder, composedTarget({ module, rank }), { ...composed });
      onProgress?.({ stage: 'write', done: ++done, total: modules.length });
      return composed;
    };
    const tensors = lazyTensors(modules, factorsOf);
    const files = [
      ...describingFiles(folder, config, paths, {
        licence: this.stack.base.licence,
        rows: cardRows(report),
      }),
      [RECIPE_FILE, [new TextEncoder().encode(recipeText(report))]] as const,
      [ADAPTER_FILES.weights, fileChunks(tensors, { format: 'pt', lowrank_recipe: report.id })] as const,
    ];
    await writeFolderAtomically(folder, async (temporary) => {
      for (const [name, chunks] of files) await writeFlushed(join(temporary, name), chunks);
    });
    return report;
  }

  private canonicalWeights(listed?: readonly number[]): readonly number[] {
    if (listed === undefined) return this.stack.members.map(({ weight }) => weight);
    checkWeights(
      listed,
      this.listed.map(({ adapter }) => adapter.name),
    );
    return sumWeights(this.stack.places, listed);
  }

  private spectraOf(weights: readonly number[]): readonly Spectrum[] {
    const key = weights.join();
    if (this.spectra?.weights !== key) {
      this.spectra = { weights: key, ofModules: this.modules.map((module) => spectrumOf(module, weights)) };
    }
    return this.spectra.ofModules;
  }

  private plan(
    form: CompositionForm,
    weights: readonly number[],
  ): { report: CompositionReport; modules: PlannedModule[] } {
    checkForm(form, this.stackRank);
    const spectra = this.spectraOf(weights);
    const modules = this.modules.map((module, i) => {
      const spectrum = spectra[i]!;
      return { module, spectrum, rank: chooseRank(module, spectrum, form) };
    });
    const reports = modules.map(({ module, spectrum, rank }) =>
      reportModule(module, spectrum, rank, weights.length),
    );
    const recipe: CompositionRecipe = {
      format: 'lowrank-recipe-1',
      base: this.stack.base,
      members: this.stack.members.map(({ digest }, i) => ({ digest, weight: weights[i]! })),
      form,
      target_modules: this.targets,
    };
    return {
      report: {
        id: recipeId(recipe),
        recipe,
        overall: reportOverall(reports),
        modules: reports,
        energyByRank: energyByRank(spectra),
        conflicts: this.overlaps && conflictsOf(this.overlaps, weights),
      },
      modules,
    };
  }
}

/** A layer as the composition has it, with the scale 1. */
function composedTarget({ module, rank }: Pick<PlannedModule, 'module' | 'rank'>): TargetModule {
  return targetModule(module.path, module.layer, { r: rank, loraAlpha: rank, scale: 1 });
}

/** Tensors of an adapter whose two factors are made together when the first of them is written. */
function lazyTensors(
  modules: readonly PlannedModule[],
  factorsOf: (module: PlannedModule) => Promise<LoraFactors>,
): Map<string, TensorSource> {
  const tensors = new Map<string, TensorSource>();
  for (const planned of modules) {
    const target = composedTarget(planned);
    let made: Promise<LoraFactors> | undefined;
    for (const [i, { role, key, shape }] of target.tensors.entries()) {
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        const current = (made ??= factorsOf(planned));
        const data = (await current)[role as keyof LoraFactors];
        // Nothing of the layer stays in memory after the last.
        if (i === target.tensors.length - 1) made = undefined;
        yield* floatSource({ data, shape }).chunks() as Iterable<Uint8Array>;
      };
      tensors.set(key, { dtype: 'F32', shape, chunks });
    }
  }
  return tensors;
}

function recipeText({ id, recipe, overall }: CompositionReport): string {
  const { norm, keptNorm, relativeError, keptEnergy } = overall;
  const result = { norm, kept_norm: keptNorm, relative_error: relativeError, kept_energy: keptEnergy };
  return `${JSON.stringify({ id, recipe, result }, undefined, 2)}\n`;
}

function cardRows({ id, recipe: { members, form }, overall }: CompositionReport): [string, string][] {
  const forms = {
    stacked: () => 'stacked, exact',
    rank: () => `best of rank ${(form as { rank: number }).rank}`,
    energy: () => `smallest ranks that keep ${(form as { energy: number }).energy} of the energy`,
  };
  return [
    ['composed of', members.map(({ digest, weight }) => `${weight} * ${digest.slice(0, 19)}`).join(' + ')],
    ['form', `${forms[form.kind]()}; kept energy ${overall.keptEnergy.toFixed(6)}`],
    ['recipe', `${id}, see ${RECIPE_FILE}`],
  ];
}
