/** `lowrank models`: what jobs can start from. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { ModelObject } from '#contracts/http/models.js';
import { LowrankError } from '#base/errors.js';
import { isHubName } from '#hub/remote/hub-name.js';
import type { CommandContext, Run } from '../context.js';
import { type BasePrecision, basePrecisions, defaultPrecision } from '#training/base-precision/declared.js';
import { exitCodes } from '#base/error-codes.js';
import { byteSize, count } from '../format.js';
import { modelRegistry } from '../installation.js';
import { table } from '../output.js';
import { StatusLine } from '../progress-bar.js';

interface AddOptions {
  readonly name?: string;
  readonly replace?: boolean;
  readonly precision?: BasePrecision;
}

interface VerifyOptions {
  readonly quick?: boolean;
}

export function addModels(program: Command, run: Run): void {
  const models = program
    .command('models')
    .description('list base models and fine-tuned models')
    .action(run(list));
  models
    .command('add')
    .description(
      'register a folder in the format of Hugging Face, a GGUF file or a model of the hub as a base model',
    )
    .argument(
      '<model>',
      'a folder or a .gguf file that the server and its workers reach under this path, or OWNER/NAME[@REVISION] of the hub, which is fetched',
    )
    .option('--name <name>', 'what jobs call it (default: the name of the folder or file, or OWNER/NAME)')
    .option('--replace', 'make it the new version of this name; jobs and adapters keep theirs')
    .addOption(
      new Option('--precision <name>', 'numbers in which it answers, on the CPU').choices(basePrecisions),
    )
    .action(run<AddOptions>(add));
  models
    .command('remove')
    .description('take a base model out of the list; jobs and adapters that were made with it keep it')
    .argument('<name>', 'name of the base model')
    .option('--files', 'remove what was fetched from the hub for it too')
    .action(
      run<{ files?: boolean }>(async ({ client, output }, [name], { files }) => {
        const removed = await client.models.remove(name!, { files });
        output.result(removed, () => `${name} is removed; its folder ${files ? 'too' : 'stays as it is'}`);
      }),
    );
  models
    .command('verify')
    .description("read the base models of this machine's service again and compare them with their digests")
    .argument('[name]', 'one model (default: all)')
    .option('--quick', 'look at sizes and times only')
    .action(run<VerifyOptions>(verify));
}

async function list({ client, output }: CommandContext): Promise<void> {
  const models = await client.models.list();
  if (output.json) {
    for (const model of models) output.record(model);
    return;
  }
  output.say(models.length > 0 ? table(['MODEL', 'KIND', 'ABOUT'], models.map(rowOf)) : 'No models.');
}

function rowOf(model: ModelObject): string[] {
  const { id, kind, architecture, parameters, base_model: base } = model;
  if (kind === 'fine-tuned') return [id, kind, `on ${base ?? '?'}`];
  const size = parameters === undefined ? '' : `, ${count(parameters)} parameters`;
  return [id, kind, `${architecture ?? ''}${size}${model.bundled ? ', bundled' : ''}${answersIn(model)}`];
}

/** How it answers, where not as its files have it. */
function answersIn({ precision = defaultPrecision }: ModelObject): string {
  return precision === defaultPrecision ? '' : `, answers in ${precision}`;
}

async function add(
  { client, output, signal }: CommandContext,
  [wanted]: readonly string[],
  { name, replace, precision }: AddOptions,
): Promise<void> {
  const bar = StatusLine.on(output);
  let registration: string | undefined;
  try {
    const body = { ...placeOf(wanted!), name, replace, precision };
    const model = await client.models.add(body, {
      signal,
      onProgress: ({ id, stage, done_bytes: done, total_bytes: total }) => {
        registration = id;
        bar?.show(`${stage} ${byteSize(done)} of ${byteSize(total)}`);
      },
    });
    bar?.clear();
    output.result(model, () => `${model.id} is registered: ${rowOf(model)[2]}, ${model.identity}`);
  } catch (error) {
    // What was fetched stays; the same command goes on with it.
    if (signal.aborted && registration !== undefined) await client.models.cancelRegistration(registration);
    throw error;
  } finally {
    bar?.clear();
  }
}

/** A folder that is here, or looks like a path, is meant as one; everything else that can be the name of a model is that. */
function placeOf(wanted: string): { readonly folder: string } | { readonly model: string } {
  const isPath = /^[./~]/.test(wanted) || existsSync(wanted) || !isHubName(wanted);
  return isPath ? { folder: resolve(wanted) } : { model: wanted };
}

/** Not through the API: what is on this disk is in question. */
async function verify(
  { environment, output, signal }: CommandContext,
  [name]: readonly string[],
  { quick }: VerifyOptions,
): Promise<number> {
  const { parseConfiguration } = await import('#platform/config.js');
  const { getModel, listModels, verifyModel } = await import('#hub/model-registry.js');
  const registry = modelRegistry(parseConfiguration(environment));
  const { models, broken } = name
    ? { models: [await getModel(registry, name)], broken: [] }
    : await listModels(registry);
  const problems: LowrankError[] = [...broken];
  for (const model of models) {
    try {
      await verifyModel(model, { full: !quick, signal });
      output.result(
        { model: model.name, ok: true, identity: model.identity },
        () => `${model.name}: as registered`,
      );
    } catch (error) {
      if (!(error instanceof LowrankError)) throw error;
      problems.push(error);
    }
  }
  for (const { code, message } of problems) output.error({ error: { code, message } }, `error: ${message}`);
  if (models.length + broken.length === 0) output.note('No base models are registered on this machine.');
  return problems.length > 0 ? exitCodes.failed : exitCodes.done;
}
