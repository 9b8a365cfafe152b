#!/usr/bin/env node
/** The `lowrank` command as a process. */
import { runCli } from './program.js';
import { Interrupted } from './exit-codes.js';

const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Once only: the second one finds no handler and ends the process.
  process.once(signal, () => abort.abort(new Interrupted(signal)));
}
// A reader that is gone, such as `head`, is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signal: abort.signal,
});
