/** What the code of the engine is, as a digest: other code may compile the same step to another graph. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The rooms whose code decides what a step compiles to. */
const rooms = ['jit', 'runtime', 'nn', 'models', 'lora', 'generation', 'training'];

let known: string | undefined;

/** The sha256 of the engine's own code files, read once. */
export function engineDigest(): string {
  if (known) return known;
  const hash = createHash('sha256');
  for (const room of rooms) {
    const folder = join(import.meta.dirname, '..', room);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const name of files.filter((name) => /(?<!\.test|\.d)\.[jt]s$/.test(name)).toSorted()) {
      hash.update(`${room}/${name}\n`).update(readFileSync(join(folder, name)));
    }
  }
  known = hash.digest('hex');
  return known;
}
