/** The API as a process of its own, for tests that look at it from outside. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { requirePort } from '../../apps/cli/src/launcher/port.js';

const main = join(import.meta.dirname, '../../dist/processes/api.js');

export interface ApiProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it wrote. */
  readonly log: () => string;
  readonly exited: Promise<object>;
}

/** Resolves when it is ready or has ended; it listens on a free port unless the environment names one. */
export async function startApiProcess(
  { home, url }: { readonly home: string; readonly url: string },
  environment: Readonly<Record<string, string>> = {},
  execArgv: string[] = [],
): Promise<ApiProcess> {
  const port = await requirePort('127.0.0.1', 0);
  const child = fork(main, {
    env: {
      PATH: process.env['PATH'],
      LOWRANK_HOME: home,
      DATABASE_URL: url,
      PORT: String(port),
      ...environment,
    },
    execArgv,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let log = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (log += text));
  }
  const ended = [child.stdout!, child.stderr!].map((stream) => once(stream, 'close'));
  const exited = once(child, 'exit').then(async ([code, signal]: (number | string | null)[]) => {
    await Promise.all(ended);
    return { code, signal };
  });
  await Promise.race([exited, new Promise((resolve) => child.once('message', resolve))]);
  return { child, url: `http://127.0.0.1:${port}`, log: () => log, exited };
}
