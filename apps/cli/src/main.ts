#!/usr/bin/env node
/** The `lowrank` command as a process. */
import { exitCodes } from '#base/error-codes.js';
import { runCli } from './program.js';
import { Interrupted } from './exit-codes.js';

const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Once only: the second one finds no handler and ends the process.
  process.once(signal, () => abort.abort(new Interrupted(signal)));
}
// A reader that is gone, such as `head`, is no failure; a disk that is full is one, but no reason to stop a server.
let outputError: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') outputError ??= error;
});
process.stderr.on('error', () => undefined);

// Only then everything that was written has been answered.
process.once('exit', () => {
  if (!outputError) return;
  process.stderr.write(`error: the output could not be written: ${outputError.message}\n`);
  process.exitCode ||= exitCodes.failed;
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signal: abort.signal,
});
