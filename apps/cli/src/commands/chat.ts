/** `lowrank chat`: one prompt, answered on this machine. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext, Run } from '../context.js';
import { wholeNumber } from './arguments.js';

interface ChatOptions {
  readonly base?: string;
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly raw?: boolean;
}

export function addChat(program: Command, run: Run): void {
  program
    .command('chat')
    .description('answer one prompt on this machine, by a base model or an adapter')
    .argument('<model>', 'adapter (id, name, job or folder) or base model (name or folder)')
    .argument('<prompt>', 'what to say to it')
    .option('--base <folder>', 'folder of the base model')
    .option('--system <text>', 'system message')
    .option('--max-tokens <number>', 'longest answer', wholeNumber(1, 100_000), 256)
    .option('--temperature <number>', 'randomness; 0 takes the likeliest token', temperature, 0)
    .option('--seed <number>', 'of the randomness', wholeNumber(0, Number.MAX_SAFE_INTEGER), 42)
    .option('--raw', 'go on with the prompt as a text, without a chat template')
    .action(run<ChatOptions>(chat));
}

async function chat(
  { client, environment, output, signal }: CommandContext,
  [reference, prompt]: readonly string[],
  options: ChatOptions,
): Promise<void> {
  const { privateUmask } = await import('#platform/private-home.js');
  // All that it keeps, adapters and compiled graphs, lies in the home.
  process.umask(privateUmask);
  const { findModel } = await import('../chat/find-model.js');
  const { ask } = await import('../chat/ask.js');
  const { parseConfiguration } = await import('#platform/config.js');
  const files = await findModel(reference!, { client, environment, base: options.base, signal });
  const system = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  const task = {
    ...files,
    prompt: options.raw ? prompt! : [...system, { role: 'user', content: prompt! }],
    maxTokens: options.maxTokens,
    temperature: options.temperature,
    seed: options.seed,
    cache: join(parseConfiguration(environment).home, 'cache', 'graphs'),
  };
  const answer = await ask(task, {
    signal,
    onText: (text) => {
      if (!output.json) output.raw(text);
    },
  });
  for (const note of answer.notes) output.note(`note: ${note}`);
  output.result({ model: reference, ...answer }, () => '');
}

function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 2) return value;
  throw new InvalidArgumentError('give a number from 0 to 2.');
}
