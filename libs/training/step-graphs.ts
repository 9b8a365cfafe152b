/**
 * The compiled steps of a run: which there are, what each depends on, and where they come from. TensorFlow.js is loaded
 * only when one has to be compiled.
 */
import { layerKey } from '#lora/adapter-layout.js';
import { type CompiledGraph, compileProgram } from '#runtime/compile.js';
import type { CompilableProgram } from '#runtime/compiled-runner.js';
import type { Device } from '#runtime/device.js';
import { cachedGraph } from '#runtime/graph-cache.js';
import { engineVersion } from '#training/engine-version.js';
import {
  createStepPrograms,
  programOf,
  type StepName,
  type StepSource,
  weightsOf,
} from '#training/step-programs.js';

export interface StepGraphOptions {
  readonly device: Device;
  /** Where compiled steps are kept. */
  readonly cacheFolder: string;
  /** Where weights of several folders are linked together. */
  readonly scratchFolder: string;
  /** Told before a step is compiled, which takes seconds and blocks the thread. */
  readonly onCompile: (name: StepName) => void;
}

/** The compiled steps of one source on one device, each made at most once. */
export class StepGraphs {
  private readonly made = new Map<string, Promise<CompiledGraph>>();

  constructor(
    private readonly source: StepSource,
    private readonly options: StepGraphOptions,
  ) {}

  /** A step by what it depends on; `recompute` is the number of layers that compute activations twice. */
  program(name: StepName, recompute: number): CompilableProgram {
    return { key: this.keyOf(name, recompute), compile: () => this.graph(name, recompute) };
  }

  /** A compiled step, from the cache if it is there. */
  graph(name: StepName, recompute: number): Promise<CompiledGraph> {
    const id = `${name} ${recompute}`;
    const known = this.made.get(id);
    if (known) return known;
    const making = this.load(name, recompute);
    this.made.set(id, making);
    return making;
  }

  /** Forgets the graphs: their bytes are not needed once they are loaded. */
  release(): void {
    this.made.clear();
  }

  private async load(name: StepName, recompute: number): Promise<CompiledGraph> {
    const { device, cacheFolder, scratchFolder, onCompile } = this.options;
    const { graph } = await cachedGraph(cacheFolder, this.keyOf(name, recompute), async () => {
      onCompile(name);
      const { program, spec } = programOf(createStepPrograms(this.source), name);
      const recomputedSegments = hasBackwardPass(name) ? recompute : 0;
      return compileProgram(program, spec, { device, recomputedSegments }, scratchFolder);
    });
    return graph;
  }

  private keyOf(name: StepName, recompute: number): unknown {
    const { base, modules, dropout, objective, shape, optimizer } = this.source;
    const common = { engine: engineVersion(), device: this.options.device, name };
    const layers = modules.map(layerKey);
    if (name === 'optimizerStep') return { ...common, layers, optimizer };
    const { declaration, graphKey } = objective;
    const learns = { objective: declaration.type, options: graphKey };
    const model = { config: base.config, weights: weightsOf(this.source), layers, shape, ...learns };
    if (name === 'reference') {
      return { ...common, ...model, refersToAdapter: this.source.refersToAdapter ?? false };
    }
    if (name === 'evaluate') return { ...common, ...model };
    return { ...common, ...model, dropout, recompute, ...(name === 'train' ? { optimizer } : {}) };
  }
}

/** Whether activations are kept for a gradient, and can be recomputed. */
export function hasBackwardPass(name: StepName): boolean {
  return name === 'train' || name === 'accumulate';
}
