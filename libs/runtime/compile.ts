/** From a step function to the bytes that ONNX Runtime loads. */
import type { Graph } from '#jit/graph.js';
import { accumulateProducts } from '#jit/passes/accumulate.js';
import { eliminateDeadNodes } from '#jit/passes/dead-nodes.js';
import { recomputeSegments } from '#jit/passes/recompute.js';
import { collapseReshapes } from '#jit/passes/reshape-chains.js';
import { scalarizeUniformConstants } from '#jit/passes/uniform-constants.js';
import { type Program, type ProgramSpec, trace } from '#jit/trace.js';
import type { Device } from '#runtime/device.js';
import { encodeModel } from '#runtime/encode.js';
import { arrangeForExecution } from '#runtime/file-order.js';
import { type LoweredGraph, lower } from '#runtime/lowering/lower.js';
import type { LoadedWeight } from '#runtime/loaded-weights.js';
import { type MemoryPlan, planMemory } from '#runtime/memory-plan.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { gatherWeightFiles, type WeightLink } from '#runtime/weight-folder.js';

export interface CompileOptions {
  readonly device: Device;
  /** How many of the checkpoint segments of the model, from the first, are recomputed in the backward pass. */
  readonly recomputedSegments: number;
}

/** The graph of a step function without what nothing needs. */
export function traceSimplified(program: Program, spec: ProgramSpec): Graph {
  return simplify(trace(program, spec));
}

function simplify(graph: Graph): Graph {
  return eliminateDeadNodes(collapseReshapes(scalarizeUniformConstants(graph)));
}

function finish(simplified: Graph, recomputedSegments: number): Graph {
  const segments = new Set(Array.from({ length: recomputedSegments }, (_, i) => i));
  return accumulateProducts(eliminateDeadNodes(recomputeSegments(simplified, segments)));
}

/** The passes that every graph goes through, recomputation after what could remove its copies. */
export function optimize(graph: Graph, recomputedSegments: number): Graph {
  return finish(simplify(graph), recomputedSegments);
}

/** A step function ready for ONNX Runtime: the model's bytes, its inputs and results by name, its plan. */
export interface CompiledGraph extends GraphManifest {
  readonly bytes: Uint8Array;
}

/** What must be known of a compiled graph besides its bytes. */
export interface GraphManifest {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: Readonly<Record<string, OnnxValue>>;
  readonly nextState: Readonly<Record<string, OnnxValue>>;
  readonly weightFolder: string | undefined;
  /** What must be linked in that folder before the model is loaded. */
  readonly weightLinks: readonly WeightLink[];
  readonly plan: MemoryPlan;
  /** Whether it has kernels that are slow over weights as they lie. */
  readonly packsWeights: boolean;
  /** Inputs that are weights, which the runner decodes. */
  readonly loadedWeights: readonly LoadedWeight[];
}

/** Traces a step function and writes its graph in ONNX operators, nodes in the order that keeps memory low. */
export function lowerProgram(program: Program, spec: ProgramSpec, options: CompileOptions): LoweredGraph {
  return lowerSimplified(traceSimplified(program, spec), options);
}

function lowerSimplified(graph: Graph, { device, recomputedSegments }: CompileOptions): LoweredGraph {
  const lowered = lower(finish(graph, recomputedSegments), device);
  return { ...lowered, model: { ...lowered.model, nodes: arrangeForExecution(lowered.model.nodes) } };
}

/**
 * Compiles a step function. Weights of several folders are linked together below `scratch`, see
 * {@link gatherWeightFiles}.
 */
export async function compileProgram(
  program: Program,
  spec: ProgramSpec,
  options: CompileOptions,
  scratch?: string,
): Promise<CompiledGraph> {
  return compileGraph(traceSimplified(program, spec), options, scratch);
}

/** Compiles a graph that `traceSimplified` made. Like `compileProgram` otherwise. */
export async function compileGraph(
  graph: Graph,
  options: CompileOptions,
  scratch?: string,
): Promise<CompiledGraph> {
  const { model, outputs, nextState, loadedWeights } = lowerSimplified(graph, options);
  const gathered = gatherWeightFiles(model, scratch);
  return {
    bytes: encodeModel(gathered.model),
    inputs: model.inputs,
    outputs,
    nextState,
    weightFolder: gathered.folder,
    weightLinks: gathered.links,
    plan: planMemory(model),
    packsWeights: model.nodes.some(({ op }) => op === 'MatMulNBits'),
    loadedWeights,
  };
}
