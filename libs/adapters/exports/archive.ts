/**
 * A portable adapter as one .tar.gz whose files lie at its root, which is how hosts of adapters take uploads: Together, for one
 * (docs.together.ai/docs/dedicated-endpoints/adapter), refuses archives with a folder around them. Equal adapters give equal bytes.
 */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import type { ExportFormat } from '#adapters/exports/export-format.js';
import { portable } from '#adapters/exports/portable.js';
import { writeFolderAtomically } from '#base/atomic-file.js';

export const archiveFile = 'adapter.tar.gz';

export const archive: ExportFormat = {
  check: portable.check,

  async write(order) {
    await writeFolderAtomically(order.output, async (temporary) => {
      const files = join(temporary, 'files');
      await portable.write({ ...order, output: files });
      const names = (await readdir(files)).toSorted();
      const file = join(temporary, archiveFile);
      await create({ file, cwd: files, gzip: true, portable: true, mtime: new Date(0) }, names);
      order.signal?.throwIfAborted();
      await rm(files, { recursive: true });
      await using handle = await open(file, 'r+');
      await handle.sync();
    });
  },
};
