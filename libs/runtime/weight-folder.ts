/** ONNX Runtime takes external tensors from one real folder; this finds or makes that folder. */
import { link, mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { LowrankError } from '#jit/errors.js';
import type { ExternalTensor, OnnxModel } from '#runtime/onnx-graph.js';

/**
 * The folder that holds every file of a model's external tensors, and the model naming them as they lie there.
 *
 * Files that lie in one folder stay where they are. Files of several folders are hard-linked into a folder below
 * `scratch`, which costs no space; throws `weights_scattered` when they cannot be (another file system).
 */
export async function gatherWeightFiles(
  model: OnnxModel,
  scratch: string | undefined,
): Promise<{ model: OnnxModel; folder: string | undefined }> {
  const files = [...new Set(model.external.map(({ file }) => file))];
  const folders = new Set(files.map((file) => dirname(file)));
  if (folders.size <= 1) return { model, folder: [...folders][0] };
  if (!scratch) {
    throw new LowrankError(
      'weights_scattered',
      `the weights lie in several folders (${[...folders].join(', ')}) and no cache folder was given to link them in`,
    );
  }
  const key = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  const folder = join(scratch, `weights-${key}`);
  await mkdir(folder, { recursive: true });
  const linked = new Map<string, string>();
  for (const [i, file] of files.entries()) {
    const target = join(folder, `${i}-${basename(file)}`);
    await linkOnce(file, target);
    linked.set(file, target);
  }
  const external = model.external.map((tensor): ExternalTensor => ({
    ...tensor,
    file: linked.get(tensor.file)!,
  }));
  return { model: { ...model, external }, folder };
}

async function linkOnce(file: string, target: string): Promise<void> {
  try {
    await link(file, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      const [original, existing] = await Promise.all([stat(file), stat(target)]);
      if (original.ino === existing.ino) return;
    }
    throw new LowrankError(
      'weights_scattered',
      `the weight file ${file} cannot be linked to ${target} (${code}); put all weight files of the model into one folder`,
      { cause: error },
    );
  }
}
