/** What every command is given. */
import type { Command } from 'commander';
import { LowrankClient } from '#client/client.js';
import { Output, type TextStream } from './output.js';

/** The world outside: given by the process, or by a test. */
export interface CliIo {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly environment: NodeJS.ProcessEnv;
  /** Aborts with Interrupted on Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface CommandContext extends CliIo {
  readonly output: Output;
  readonly client: LowrankClient;
  readonly json: boolean;
  /** The whole command line's program, for completion. */
  readonly program: Command;
}

/** Does the work of a command; a number is the exit code, nothing is 0. */
export type Handler<O> = (
  context: CommandContext,
  args: readonly string[],
  options: O,
) => Promise<number | void>;

/** Makes a handler an action of commander. */
export type Run = <O = Record<string, never>>(
  handler: Handler<O>,
) => (this: Command, ...given: unknown[]) => Promise<void>;

export const defaultUrl = 'http://127.0.0.1:8010';

interface GlobalOptions {
  readonly url?: string;
  readonly json?: boolean;
}

export function contextOf(io: CliIo, options: GlobalOptions, program: Command): CommandContext {
  const { stdout, stderr, environment } = io;
  const json = options.json === true;
  const noColour = environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '';
  const output = new Output({ stdout, stderr, json, colour: stdout.isTTY === true && !json && !noColour });
  const client = new LowrankClient({
    url: options.url ?? environment['LOWRANK_URL'] ?? defaultUrl,
    key: environment['LOWRANK_API_KEY'],
    helpIfUnreachable: 'start one with "lowrank start", or name another with --url or LOWRANK_URL',
  });
  return { ...io, output, client, json, program };
}
