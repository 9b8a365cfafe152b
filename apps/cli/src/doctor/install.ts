/** What `lowrank doctor --install` can install, and how it is told. */
import { join } from 'node:path';
import { parseConfiguration } from '#platform/config.js';
import type { CommandContext } from '../context.js';
import { byteSize, duration } from '../format.js';
import { StatusLine } from '../progress-bar.js';
import type { FetchProgress } from '../../../../tools/installing/wheels.js';

/** An installation as it is told: facts for programs, a sentence for people. */
export interface Installed {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly text: string;
}

interface Reporter {
  readonly say: (line: string) => void;
  readonly onProgress: (progress: FetchProgress) => void;
}

type Install = (context: CommandContext, reporter: Reporter) => Promise<Installed>;

const installTfjs =
  (kind: 'tfjs-node' | 'tfjs-node-gpu'): Install =>
  async ({ environment, signal }, reporter) => {
    const { installTfjsNode } = await import('../../../../tools/tfjs-node/install.js');
    const folder = join(parseConfiguration(environment).home, 'tfjs-node');
    const done = await installTfjsNode({ kind, folder, environment, signal, ...reporter });
    const where = done.isNew ? `is installed in ${done.folder}` : `is in ${done.folder} already`;
    const place = done.gpu ? 'a GPU' : 'the CPU';
    return {
      facts: { folder: done.folder, new: done.isNew, tensorflow: done.tensorflow, gpu: done.gpu },
      text: `${kind} ${where} and works: TensorFlow ${done.tensorflow} on ${place}`,
    };
  };

const installCuda: Install = async ({ environment, signal }, reporter) => {
  const { installCuda: install } = await import('../../../../tools/cuda/install.js');
  const folder = parseConfiguration(environment).cudaFolder;
  const done = await install({ folder, environment, signal, ...reporter });
  const where = done.isNew ? 'are installed' : 'are there already';
  return {
    facts: { folder: done.folder, new: done.isNew },
    text: `the libraries of CUDA ${where}, in ${done.folder}: "lowrank doctor" says whether the GPU works with them`,
  };
};

export const installers = {
  cuda: installCuda,
  'tfjs-node': installTfjs('tfjs-node'),
  'tfjs-node-gpu': installTfjs('tfjs-node-gpu'),
} as const satisfies Record<string, Install>;

export type Installable = keyof typeof installers;

/** Installs one, with a bar on a terminal, a line for every package elsewhere, and records of JSON with --json. */
export async function install(context: CommandContext, kind: Installable): Promise<void> {
  const { output } = context;
  const line = StatusLine.on(output);
  const progress = new DownloadProgress();
  let packageName = '';
  const reporter: Reporter = {
    say: (text) => (line ? line.above([text]) : output.note(text)),
    onProgress: (now) => {
      line?.show(progress.text(now));
      const { wheel, number, count, doneBytes, totalBytes } = now;
      if (packageName === wheel.name) return;
      packageName = wheel.name;
      output.record({
        event: 'fetching',
        data: { package: wheel.name, version: wheel.version, done_bytes: doneBytes, total_bytes: totalBytes },
      });
      if (!line) {
        output.note(`  ${number} of ${count}: ${wheel.name} ${wheel.version} (${byteSize(wheel.bytes)})`);
      }
    },
  };
  let installed: Installed;
  try {
    installed = await installers[kind](context, reporter);
  } finally {
    line?.clear();
  }
  output.result({ kind, ...installed.facts }, () => installed.text);
}

const barWidth = 24;

/** A bar with what has arrived, and how long the rest will take. */
export class DownloadProgress {
  private begin: { readonly at: number; readonly bytes: number } | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  text({ wheel, doneBytes, totalBytes }: FetchProgress): string {
    const at = this.now();
    // What an earlier call has fetched says nothing of the speed.
    this.begin ??= { at, bytes: doneBytes };
    const seconds = (at - this.begin.at) / 1000;
    const speed = seconds > 1 ? (doneBytes - this.begin.bytes) / seconds : 0;
    const full = Math.round((barWidth * doneBytes) / totalBytes);
    const left = speed > 0 ? `, ${duration((totalBytes - doneBytes) / speed)} left` : '';
    return `[${'#'.repeat(full).padEnd(barWidth, '.')}] ${byteSize(doneBytes)} of ${byteSize(totalBytes)}${left}  ${wheel.name}`;
  }
}
