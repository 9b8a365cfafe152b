/** Under which licence a base model is given. */
import { open } from 'node:fs/promises';
import path from 'node:path';

const mostBytes = 1 << 16;
const files = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE'];

/** What the model's card says, or else the first line of its licence; null if neither is there. */
export async function readLicence(folder: string): Promise<string | null> {
  const card = await beginning(path.join(folder, 'README.md'));
  const [, matter = ''] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card ?? '') ?? [];
  const named = /^license:[ \t]*(\S.*)$/m.exec(matter)?.[1]?.replaceAll(/["']/g, '').trim();
  if (named && named !== 'other') return named.slice(0, 200);
  for (const name of files) {
    const line = (await beginning(path.join(folder, name)))?.split('\n').find((one) => one.trim() !== '');
    if (line) return line.trim().slice(0, 200);
  }
  return null;
}

async function beginning(file: string): Promise<string | null> {
  try {
    await using handle = await open(file);
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } catch {
    return null;
  }
}
