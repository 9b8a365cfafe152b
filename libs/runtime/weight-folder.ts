/** ONNX Runtime takes external tensors from one real folder; this finds or makes that folder. */
import { link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createHash, randomUUID } from 'node:crypto';
import { LowrankError } from '#base/errors.js';
import type { ExternalTensor, OnnxModel } from '#runtime/onnx-graph.js';

/** A weight file, and where it is linked to. */
export interface WeightLink {
  readonly file: string;
  readonly target: string;
}

/** A model whose external tensors lie in one folder. */
export interface GatheredModel {
  readonly model: OnnxModel;
  readonly folder: string | undefined;
  /** What {@link linkWeightFiles} must have linked before the model is loaded. */
  readonly links: readonly WeightLink[];
}

/**
 * The folder that holds every file of a model's external tensors, and the model naming them as they lie there.
 *
 * Files that lie in one folder stay where they are. Files of several folders are to be hard-linked into a folder
 * below `scratch`, which costs no space; throws `weights_scattered` without one.
 */
export function gatherWeightFiles(model: OnnxModel, scratch: string | undefined): GatheredModel {
  const files = [...new Set(model.external.map(({ file }) => file))];
  const folders = new Set(files.map((file) => dirname(file)));
  if (folders.size <= 1) return { model, folder: [...folders][0], links: [] };
  if (!scratch) {
    throw new LowrankError(
      'weights_scattered',
      `the weights lie in several folders (${[...folders].join(', ')}) and no cache folder was given to link them in`,
    );
  }
  const key = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  const folder = join(scratch, `weights-${key}`);
  const links = files.map((file, i) => ({ file, target: join(folder, `${i}-${basename(file)}`) }));
  const targetOf = new Map(links.map(({ file, target }) => [file, target]));
  const external = model.external.map((tensor): ExternalTensor => ({
    ...tensor,
    file: targetOf.get(tensor.file)!,
  }));
  return { model: { ...model, external }, folder, links };
}

/**
 * Links weight files to where a model looks for them; a link to a file that has been replaced since is made anew.
 *
 * Throws `weights_scattered` when they cannot be linked (another file system).
 */
export async function linkWeightFiles(links: readonly WeightLink[]): Promise<void> {
  for (const { file, target } of links) {
    try {
      await mkdir(dirname(target), { recursive: true });
      if (!(await isSameFile(file, target))) await replaceLink(file, target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new LowrankError(
        'weights_scattered',
        `the weight file ${file} cannot be linked to ${target} (${code}); put all weight files of the model into one folder`,
        { cause: error },
      );
    }
  }
}

async function isSameFile(file: string, target: string): Promise<boolean> {
  const existing = await stat(target).catch(() => undefined);
  if (!existing) return false;
  const original = await stat(file);
  return original.ino === existing.ino && original.dev === existing.dev;
}

/** Puts the link in place in one step: another process may be reading what is there. */
async function replaceLink(file: string, target: string): Promise<void> {
  const temporary = `${target}.${randomUUID()}.tmp`;
  await link(file, temporary);
  await rename(temporary, target);
  // Renaming one link of a file to another link of the same file leaves both in place.
  await rm(temporary, { force: true });
}
