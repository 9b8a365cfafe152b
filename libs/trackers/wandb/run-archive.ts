/** The folder of an offline run as a tar. */
import { Header } from 'tar';
import { runFile, runPathOf } from '#trackers/wandb/run-file.js';
import type { Measured, TrackedRun } from '#trackers/tracked-run.js';

const blockBytes = 512;

/**
 * The bytes of the archive. `measured` is read twice, since the size of a file stands before it in a tar: it must give the
 * same both times.
 */
export async function* runArchive(
  run: TrackedRun,
  measured: () => AsyncIterable<Measured>,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const { length } of runFile(run, measured())) size += length;
  const header = Buffer.alloc(blockBytes);
  const path = runPathOf(run);
  new Header({ path, size, mode: 0o644, uid: 0, gid: 0, type: 'File', mtime: run.createdAt }).encode(header);
  yield header;
  yield* runFile(run, measured());
  yield Buffer.alloc(((blockBytes - (size % blockBytes)) % blockBytes) + 2 * blockBytes);
}
