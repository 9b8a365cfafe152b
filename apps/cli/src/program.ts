/** The command line of `lowrank`: every command with its arguments. */
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { requestProblem } from '#contracts/http/errors.js';
import { LowrankError } from '#base/errors.js';
import { addAdapters } from './commands/adapters.js';
import { addChat } from './commands/chat.js';
import { addClassify } from './commands/classify.js';
import { addCompletion } from './commands/completion.js';
import { addCompose } from './commands/compose.js';
import { addCompositions } from './commands/compositions.js';
import { addData } from './commands/data.js';
import { addDoctor } from './commands/doctor.js';
import { addExport } from './commands/export.js';
import { addExports } from './commands/exports.js';
import { addPush } from './commands/push.js';
import { addEvents } from './commands/events.js';
import { addImportOpenai } from './commands/import-openai.js';
import { addJobs } from './commands/jobs.js';
import { addKeys } from './commands/keys.js';
import { addModels } from './commands/models.js';
import { addPlan } from './commands/plan.js';
import { addPrune } from './commands/prune.js';
import { addShare } from './commands/share.js';
import { addStart } from './commands/start.js';
import { addTracker } from './commands/tracker.js';
import { addTrain } from './commands/train.js';
import { addWebhooks } from './commands/webhooks.js';
import { addWhere } from './commands/where.js';
import { type CliIo, contextOf, defaultUrl, type Handler, type Run } from './context.js';
import { programVersion } from '#platform/program.js';
import { exitCodes } from '#base/error-codes.js';
import { exitCodeOf, Interrupted } from './exit-codes.js';

const footer = `
Environment:
  LOWRANK_URL      address of the server, as --url
  LOWRANK_API_KEY  key of the server, if it asks for one
  LOWRANK_HOME     folder of this machine's server (default ~/.lowrank)
  NO_COLOR         no colours

Exit codes: 0 done, 1 failed, 2 bad input, 3 no server, 4 key refused, 5 not found, 6 in the way of something else,
7 the job failed, 8 the job was cancelled, 130 interrupted.`;

/** Runs a command line and yields its exit code. Never throws. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const exit = { code: exitCodes.done as number };
  const program = buildProgram(io, exit);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exit.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.badInput;
    report(error, io, args.includes('--json'));
    return exitCodeOf(error);
  }
}

export function buildProgram(io: CliIo, exit: { code: number }): Command {
  const program = new Command('lowrank')
    .description('Self-hosted LoRA fine-tuning.')
    .version(programVersion)
    .option('--url <url>', `address of the server (default: ${defaultUrl})`)
    .option('--json', 'write JSON, one object a line')
    .addHelpText('after', footer)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .showSuggestionAfterError()
    .exitOverride();
  const run: Run = <O>(handler: Handler<O>) =>
    async function action(this: Command): Promise<void> {
      const context = contextOf(io, this.optsWithGlobals(), program);
      exit.code = (await handler(context, this.args, this.opts() as O)) ?? exitCodes.done;
    };
  const commands = [
    addStart,
    addTrain,
    addPlan,
    addData,
    addJobs,
    addEvents,
    addTracker,
    addAdapters,
    addCompose,
    addCompositions,
    addExport,
    addExports,
    addPush,
    addShare,
    addWebhooks,
    addImportOpenai,
    addModels,
    addChat,
    addClassify,
    addKeys,
    addDoctor,
    addWhere,
    addPrune,
    addCompletion,
  ];
  for (const add of commands) add(program, run);
  return program;
}

function report(error: unknown, io: CliIo, json: boolean): void {
  if (error instanceof Interrupted) return;
  const known = error instanceof LowrankError;
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    const code = known ? error.code : 'internal';
    const details = known ? error.details : {};
    io.stderr.write(`${JSON.stringify({ error: { code, message, details } })}\n`);
    return;
  }
  // What nobody foresaw is reported with the place where it happened.
  const text = known || !(error instanceof Error) ? message : (error.stack ?? message);
  io.stderr.write(`error: ${withProblems(text, known ? error.details : {})}\n`);
}

/** Several problems that the server found, a line each; its message may have them all in one line, or the first only. */
function withProblems(message: string, { problems }: Readonly<Record<string, unknown>>): string {
  const all = z.array(requestProblem).safeParse(problems);
  if (!all.success || all.data.length < 2) return message;
  const lines = all.data.map(({ field, line, message, fix }) => {
    const place = [line ? `line ${line}` : '', field].filter((part) => part !== '').join(', ');
    return `  ${place}: ${message}${fix ? `; ${fix}` : ''}`;
  });
  const isSaid = all.data.every((problem) => message.includes(problem.message));
  return [isSaid ? `${lines.length} things are wrong` : message, ...lines].join('\n');
}
