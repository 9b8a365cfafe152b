/** Whether an installation of tfjs-node works: it is loaded and takes a small step in a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { errorOf, LowrankError } from '#base/errors.js';
import { tfjsNodeEnvironment } from '#runtime/process-environment.js';
import type { TfjsNodeKind } from '#runtime/device.js';

export interface ProbeOptions {
  readonly kind: TfjsNodeKind;
  /** The folder of all kinds. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** What a backend that works says of itself. */
export interface TfjsNodeProbe {
  /** Version of TensorFlow. */
  readonly tensorflow: string;
  /** Whether it computes on a GPU. */
  readonly gpu: boolean;
}

/** What the probe's process prints. */
export type ProbeAnswer =
  | ({ readonly ok: true } & TfjsNodeProbe)
  | { readonly ok: false; readonly code: string; readonly message: string };

const limitMs = 300_000;

/**
 * Throws LowrankError `tfjs_node_missing`, `tfjs_node_broken`, and `tfjs_node_wrong` where it computes something else
 * than it should. That no GPU is found is no error: see `gpu`.
 */
export async function probeTfjsNode({
  kind,
  folder,
  environment,
  signal,
}: ProbeOptions): Promise<TfjsNodeProbe> {
  signal?.throwIfAborted();
  const program = join(import.meta.dirname, 'probe-child.js');
  const child = spawn(process.execPath, [program, kind, folder], {
    env: { ...environment, ...tfjsNodeEnvironment() },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
    signal,
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const end = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, by) => resolve(by ?? `exit code ${code}`));
  });
  signal?.throwIfAborted();
  const answer = parseAnswer(output);
  if (answer?.ok) return { tensorflow: answer.tensorflow, gpu: answer.gpu };
  if (answer) throw errorOf(answer);
  // A library that needs instructions the processor lacks ends the process without a word to JavaScript.
  const lastLines = errors.trim().split('\n').slice(-5).join('\n');
  throw new LowrankError(
    'tfjs_node_broken',
    `${kind} ended its process (${end})${lastLines && `:\n${lastLines}`}`,
    {
      details: { kind, end },
    },
  );
}

function parseAnswer(output: string): ProbeAnswer | undefined {
  try {
    return JSON.parse(output) as ProbeAnswer;
  } catch {
    return undefined;
  }
}
