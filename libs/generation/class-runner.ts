/** The step functions that tell classes apart, of any inputs, with or without an adapter. */
import type { LiveComposition } from '#adapters/live-composition.js';
import { LowrankError } from '#base/errors.js';
import { listed } from '#base/quote.js';
import { AdapterFeed } from '#generation/adapter-feed.js';
import type { RunnerChoice } from '#generation/bucket-model.js';
import type { Program, ProgramSpec } from '#jit/trace.js';
import { layerKey, selectorLayout } from '#lora/adapter-layout.js';
import type { Selector } from '#lora/layer-run.js';
import { createLoraModel } from '#lora/lora-model.js';
import type { TargetModule } from '#lora/target-module.js';
import { classLogits } from '#models/class-logits.js';
import { frozenWeights, readFrozenWeight } from '#models/frozen-weights.js';
import type { ModelFolder } from '#models/model-folder.js';
import { splitFlat } from '#nn/flat-state.js';
import { compileProgram } from '#runtime/compile.js';
import { CompiledRunner } from '#runtime/compiled-runner.js';
import { EagerRunner } from '#runtime/eager-runner.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { Runner } from '#runtime/runner.js';

export interface ClassRunnerOptions {
  readonly model: ModelFolder;
  /** Every input may have weights of its own. */
  readonly composition?: LiveComposition | undefined;
  readonly runner: RunnerChoice;
}

/** What a step function reads of one input, by the name of the function. */
export type InputSpecs = Readonly<Record<string, ProgramSpec['data']>>;

export class ClassRunner {
  private constructor(
    private readonly composition: LiveComposition | undefined,
    private readonly runner: Runner,
    private readonly feed: AdapterFeed,
  ) {}

  /**
   * Nothing is compiled or read before it is needed. Throws LowrankError `head_untrained` for a model with weights that
   * neither its files nor the adapter have.
   */
  static create({ model, composition, runner: choice }: ClassRunnerOptions, inputs: InputSpecs): ClassRunner {
    const inUse = composition?.withWeights();
    const modules = inUse?.modules ?? [];
    requireTrained(model, modules);
    const selector: Selector = inUse?.selector ? 'diagonal' : 'identity';
    const feed = new AdapterFeed(modules, selector);
    const weights = frozenWeights(model.parameters);
    const specs = Object.entries(inputs).map(([name, data]) => {
      const spec: ProgramSpec = { data: { ...data, ...feed.spec }, scalars: [], state: {}, weights };
      return [name, spec] as const;
    });
    const program = () => programOf(model, modules, selector);
    const runner =
      choice.kind === 'eager'
        ? new EagerRunner(
            Object.fromEntries(specs.map(([name, spec]) => [name, { program: program(), spec }])),
            {},
            readFrozenWeight,
            choice.backend,
          )
        : new CompiledRunner(
            Object.fromEntries(
              specs.map(([name, spec]) => {
                const { device, cacheFolder } = choice;
                const layers = modules.map(layerKey);
                const key = { program: 'classes', config: model.config, layers, spec, device };
                const compile = () =>
                  compileProgram(program(), spec, { device, recomputedSegments: 0 }, cacheFolder);
                return [name, { key, compile }];
              }),
            ),
            {},
            choice,
          );
    return new ClassRunner(composition, runner, feed);
  }

  /**
   * Of every class the probability, in the order of the model's labels; together 1. `weights` are those of the
   * composition's members, default = those it was opened with.
   */
  async probabilities(
    name: string,
    inputs: Readonly<Record<string, NumericArray>>,
    weights?: readonly number[],
  ): Promise<number[]> {
    const adapter = this.feed.inputs(this.composition?.withWeights(weights));
    const { logits } = await this.runner.run(name, { data: { ...inputs, ...adapter } });
    return softmax(logits as Float32Array);
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}

function programOf(model: ModelFolder, modules: readonly TargetModule[], selector: Selector): Program {
  const { model: tree } = createLoraModel(model.config, modules, 0, selector);
  const selectors = selectorLayout(modules);
  return ({ data, weights }) => {
    const split = data['selector'] ? splitFlat(data['selector'], selectors) : [];
    const own = new Map(split.map((part, i) => [selectors.entries[i]!.name, part]));
    tree.bindParameters(({ name }) => own.get(name) ?? data[name] ?? weights[name]!);
    return { outputs: { logits: classLogits(tree, data) }, state: {} };
  };
}

/** Throws LowrankError `head_untrained` for a model with weights that neither its files nor the adapter have. */
function requireTrained({ untrained }: ModelFolder, modules: readonly TargetModule[]): void {
  const replaced = new Set(modules.flatMap(({ tensors }) => tensors.map(({ replaces }) => replaces)));
  const missing = untrained.filter((name) => !replaced.has(name));
  if (missing.length === 0) return;
  throw new LowrankError(
    'head_untrained',
    `nobody has trained ${listed(missing)} of this model, so it cannot tell classes apart yet: train it with the method "classification", and ask the fine-tuned model`,
    { details: { missing } },
  );
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
