/** Where a model folder comes from: what whoever passes on something made from it has to say. */
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { ggufMetadata, isGgufPath } from '#gguf/model-files.js';

export interface ModelOrigin {
  /** As its card names it, such as `apache-2.0`, or the first line of its licence file; null if neither is there. */
  readonly licence: string | null;
  /** Commit of the repository that the folder is a copy of: a snapshot in the hub's cache, or a clone; null if neither. */
  readonly revision: string | null;
}

const maxBytes = 1 << 16;
const longest = 200;
const licenceFiles = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE'];
const commitSyntax = /^[0-9a-f]{40}$/;

/** Reads what a model folder says of itself; what cannot be read is not known. */
export async function readModelOrigin(folder: string): Promise<ModelOrigin> {
  if (isGgufPath(folder)) {
    const licence = await ggufMetadata(folder)
      .then((metadata) => metadata.text('general.license', ''))
      .catch(() => '');
    return { licence: licence.slice(0, longest) || null, revision: null };
  }
  return { licence: await licenceOf(folder), revision: await revisionOf(folder) };
}

/** The `license` of a card's front matter; null if it names none, or `other`. */
export function cardLicence(card: string): string | null {
  const [, matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card) ?? [];
  const named = /^license:[ \t]*(\S.*)$/m.exec(matter)?.[1]?.replaceAll(/["']/g, '').trim();
  return named && named !== 'other' ? named.slice(0, longest) : null;
}

/** The licence that the card at a path names, or null. */
export async function readCardLicence(file: string): Promise<string | null> {
  return cardLicence((await beginning(file)) ?? '');
}

async function licenceOf(folder: string): Promise<string | null> {
  const named = await readCardLicence(path.join(folder, 'README.md'));
  if (named !== null) return named;
  for (const name of licenceFiles) {
    const line = (await beginning(path.join(folder, name)))?.split('\n').find((one) => one.trim() !== '');
    if (line) return line.trim().slice(0, longest);
  }
  return null;
}

async function revisionOf(folder: string): Promise<string | null> {
  const realFolder = await realpath(folder).catch(() => folder);
  const name = path.basename(realFolder);
  if (path.basename(path.dirname(realFolder)) === 'snapshots' && commitSyntax.test(name)) return name;
  const head = (await beginning(path.join(realFolder, '.git', 'HEAD')))?.trim() ?? '';
  const [, branch] = /^ref: (refs\/heads\/[\w./-]+)$/.exec(head) ?? [];
  const commit = branch?.includes('..') === false ? await commitOf(realFolder, branch) : head;
  return commitSyntax.test(commit) ? commit : null;
}

async function commitOf(folder: string, branch: string): Promise<string> {
  const loose = (await beginning(path.join(folder, '.git', branch)))?.trim();
  if (loose) return loose;
  const packed = (await beginning(path.join(folder, '.git', 'packed-refs'))) ?? '';
  const line = packed.split('\n').find((one) => one.endsWith(` ${branch}`));
  return line?.slice(0, 40) ?? '';
}

async function beginning(file: string): Promise<string | null> {
  try {
    await using handle = await open(file);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch {
    return null;
  }
}
