/** One compiled graph in ONNX Runtime. */
import * as ort from 'onnxruntime-node';
import type { Device } from '#runtime/device.js';
import type { NumericArray } from '#runtime/numeric-array.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';
import { checkInputSize } from '#runtime/runner.js';

export interface SessionOptions {
  readonly device: Device;
  /** Threads of the CPU provider. */
  readonly threads: number;
  /** Folder of the external tensors. */
  readonly weightFolder: string | undefined;
  /** Whether idle threads wait busily: fastest alone on a machine, unfair to other processes. */
  readonly spin: boolean;
  /** Whether weights are kept once more, packed as their kernels read them fastest. */
  readonly packsWeights?: boolean;
  /** Writes ONNX Runtime's profile of every node to a file that starts with this path. */
  readonly profile?: string;
}

/**
 * Settings under which weights stay mapped and memory follows the order of nodes: no packed copies of weights but where asked for, no
 * arena that only grows, no plan made for the first run, no rewriting of a graph that is final already.
 */
function sessionSettings({
  device,
  threads,
  weightFolder,
  spin,
  profile,
  packsWeights = false,
}: SessionOptions): ort.InferenceSession.SessionOptions {
  const session: Record<string, string> = {
    disable_prepacking: packsWeights ? '0' : '1',
    'intra_op.allow_spinning': spin ? '1' : '0',
  };
  if (weightFolder) session['model_external_initializers_file_folder_path'] = weightFolder;
  return {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: true,
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: { session: nest(session) },
    ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
  };
}

/** `a.b` keys as nested objects, the form the binding takes them in. */
function nest(flat: Readonly<Record<string, string>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(flat)) {
    const parts = key.split('.');
    const last = parts.pop()!;
    let target = root;
    for (const part of parts) target = (target[part] ??= {}) as Record<string, unknown>;
    target[last] = value;
  }
  return root;
}

/** An input to read or an output to fill: its name in the model, and its numbers. */
export interface Buffer {
  readonly value: OnnxValue;
  readonly array: NumericArray;
}

export class Session {
  private constructor(private readonly session: ort.InferenceSession) {}

  static async create(model: Uint8Array, options: SessionOptions): Promise<Session> {
    return new Session(await ort.InferenceSession.create(model, sessionSettings(options)));
  }

  /** Runs the graph once, blocking the thread; results are written into the arrays given. */
  async run(inputs: readonly Buffer[], outputs: readonly Buffer[]): Promise<void> {
    const tensors = (buffers: readonly Buffer[]) =>
      Object.fromEntries(buffers.map(({ value, array }) => [value.name, tensorOf(value, array)]));
    await this.session.run(tensors(inputs), tensors(outputs));
  }

  endProfiling(): void {
    this.session.endProfiling();
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

function tensorOf({ type, shape, name }: OnnxValue, array: NumericArray): ort.Tensor {
  checkInputSize(name, shape, array);
  return new ort.Tensor(type as 'float32', array as Float32Array, [...shape]);
}
