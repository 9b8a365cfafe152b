/** Compiled graphs on disk, so that the same step is traced once on a machine. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompiledGraph, GraphManifest } from '#runtime/compile.js';
import { engineDigest } from '#runtime/engine-digest.js';

/** Changes when the same step function compiles to another graph than before. */
export const graphFormat = 2;

/** Text that identifies a value of plain data, whatever order its keys were written in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** File: manifest length as a 4-byte integer, manifest as JSON, model bytes, sha256 of all before it. */
function pack({ bytes, ...manifest }: CompiledGraph): Buffer {
  const json = Buffer.from(JSON.stringify(manifest));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const content = Buffer.concat([length, json, bytes]);
  return Buffer.concat([content, createHash('sha256').update(content).digest()]);
}

function unpack(file: Buffer): CompiledGraph | undefined {
  if (file.length < 36) return undefined;
  const content = file.subarray(0, -32);
  if (!createHash('sha256').update(content).digest().equals(file.subarray(-32))) return undefined;
  const end = 4 + content.readUInt32LE(0);
  const manifest = JSON.parse(content.toString('utf8', 4, end)) as GraphManifest;
  return { ...manifest, bytes: content.subarray(end) };
}

/**
 * The compiled graph for a key of plain data: read from `folder`, or made by `compile` and kept there.
 *
 * The key must hold everything that the graph depends on besides the engine's own code. A damaged file counts as absent. Without a folder nothing
 * is kept.
 */
export async function cachedGraph(
  folder: string | undefined,
  key: unknown,
  compile: () => Promise<CompiledGraph>,
): Promise<{ graph: CompiledGraph; cached: boolean }> {
  if (!folder) return { graph: await compile(), cached: false };
  const digest = createHash('sha256')
    .update(canonicalJson({ graphFormat, engine: engineDigest(), key }))
    .digest('hex');
  const path = join(folder, `${digest}.graph`);
  const known = await readFile(path).then(unpack, () => undefined);
  if (known) return { graph: known, cached: true };
  const graph = await compile();
  await store(folder, path, pack(graph));
  return { graph, cached: false };
}

/** Keeps a file whole or not at all; a disk without room costs the next run its shortcut, nothing else. */
async function store(folder: string, path: string, content: Buffer): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(folder, { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}
