/** A GGUF file in a folder of its own, with the Modelfile that Ollama reads beside it. */
import { join } from 'node:path';
import { writeFlushed, writeFolderAtomically } from '#base/atomic-file.js';
import type { ExportOrder } from '#adapters/exports/export-format.js';
import type { GgufMetadata } from '#gguf/format.js';
import { ggufByteLength, ggufChunks, type GgufTensorSource } from '#gguf/write.js';

export interface GgufFile {
  readonly name: string;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensorSource>;
  readonly modelfile: string;
  /** Writes more files into the folder. */
  readonly more?: (folder: string) => Promise<void>;
}

/** The folder appears whole or not at all. Throws what the tensors throw, and the reason of the signal. */
export async function writeGgufFolder(
  { output, onProgress, signal }: Pick<ExportOrder, 'output' | 'onProgress' | 'signal'>,
  { name, metadata, tensors, modelfile, more }: GgufFile,
): Promise<void> {
  const totalBytes = ggufByteLength(metadata, tensors);
  await writeFolderAtomically(output, async (temporary) => {
    let doneBytes = 0;
    const watched = async function* () {
      for await (const chunk of ggufChunks(metadata, tensors)) {
        signal?.throwIfAborted();
        yield chunk;
        onProgress?.({ doneBytes: (doneBytes += chunk.length), totalBytes });
      }
    };
    await writeFlushed(join(temporary, name), watched());
    await writeFlushed(join(temporary, 'Modelfile'), [Buffer.from(modelfile)]);
    await more?.(temporary);
  });
}

/** Text that stays in its line of a Modelfile. */
export const oneLine = (text: string) => text.replace(/\s+/g, ' ');
