/** The command line of the trainer. */
import { parseArgs } from 'node:util';
import { LowrankError } from '#base/errors.js';

export const usage = `Usage: node main.js JOB.json [--resume] [--json]
       node main.js JOB.json --graph
       node main.js --wait

Trains one adapter as the job file says. Everything is written into the job's output folder and cache folder.

  --resume  go on from the newest checkpoint in the output folder, if there is one
  --json    end with one line of JSON: the summary, or the error
  --graph   train nothing: print the graph that every step runs, a node a line
  --wait    for a parent process with a channel: load everything, then wait to be told the job file
  --help    show this text

The smallest job:

  {"base_model": "models/SmolLM2-135M", "training_file": "train.jsonl", "output_folder": "runs/1"}

It may have validation_file, lora (PEFT's LoraConfig), training (options such as learning_rate, n_epochs, batch_size),
init_adapter, base_model_name, base_identity, cache_folder, exclusive and resume. What is left out is chosen and said.

Ctrl-C stops after a checkpoint of the steps that are done; pressed again it stops at once.
Exit codes: 0 done, 1 failed, 2 the job cannot be run as it is, 130 cancelled.
`;

export interface TrainerArguments {
  /** Undefined: the parent process will tell. */
  readonly jobFile: string | undefined;
  readonly resume: boolean;
  readonly json: boolean;
  readonly graph: boolean;
}

/** Reads the command line; 'help' if that is asked for. Throws LowrankError `usage`. */
export function parseArguments(args: readonly string[]): TrainerArguments | 'help' {
  const options = {
    resume: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    graph: { type: 'boolean', default: false },
    wait: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw new LowrankError('usage', `${(cause as Error).message}\n\n${usage}`, { cause });
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const [jobFile, ...rest] = positionals;
  if (rest.length > 0 || (jobFile === undefined) !== values.wait) {
    throw new LowrankError('usage', `exactly one job file is needed\n\n${usage}`);
  }
  if (values.graph && (values.resume || values.json || values.wait)) {
    throw new LowrankError('usage', `--graph goes with no other flag\n\n${usage}`);
  }
  return { jobFile, resume: values.resume, json: values.json, graph: values.graph };
}
