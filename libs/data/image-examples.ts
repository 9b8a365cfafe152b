/** Rows of images as what a model reads. */
import { LowrankError } from '#base/errors.js';
import type { EncodedExample } from '#data/chat.js';
import type { ProblemCollector } from '#data/data-error.js';
import type { ImageCodec } from '#data/input-codec.js';
import type { ImageRow } from '#data/rows/row.js';
import { decodeImage } from '#images/decode-image.js';

const noTargets = new Map<number, Pick<EncodedExample, 'ids' | 'trained'>>();

/** An image has no tokens; it fills as many places as the model has for it. */
function placesOf(positions: number): Pick<EncodedExample, 'ids' | 'trained'> {
  const known = noTargets.get(positions);
  if (known) return known;
  const made = { ids: Array.from({ length: positions }, () => 0), trained: new Uint8Array(positions) };
  noTargets.set(positions, made);
  return made;
}

/** What a row comes to without a look at its pixels. */
export function unreadImage({ label }: ImageRow, { positions }: ImageCodec): EncodedExample {
  return { ...placesOf(positions), label };
}

/** Decodes and prepares the image of a row; undefined where a problem was added, because it cannot be. */
export async function encodeImageRow(
  row: ImageRow,
  line: number,
  codec: ImageCodec,
  problems: ProblemCollector,
): Promise<EncodedExample | undefined> {
  const { preprocessor } = codec;
  try {
    const pixels = preprocessor.pixels(await decodeImage(row.file, preprocessor.channels));
    return { ...unreadImage(row, codec), pixels };
  } catch (error) {
    if (!(error instanceof LowrankError) || error.kind !== 'caller') throw error;
    problems.add(line, 'image', error.code, `the image ${error.message}.`);
    return undefined;
  }
}
