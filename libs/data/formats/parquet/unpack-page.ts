/** The bytes of a page, whatever they are compressed by. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import { type CompressionCodec, snappyUncompress } from 'hyparquet';
import { ParquetProblem } from '#data/formats/parquet/problem.js';

type Unpack = (bytes: Uint8Array, length: number) => Uint8Array;

const codecs: Partial<Record<CompressionCodec, Unpack>> = {
  UNCOMPRESSED: (bytes) => bytes,
  SNAPPY(bytes, length) {
    const page = new Uint8Array(length);
    snappyUncompress(bytes, page);
    return page;
  },
  GZIP: (bytes, length) => gunzipSync(bytes, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (bytes, length) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (bytes, length) => unzstd(bytes, new Uint8Array(length)),
};

/** Exactly `length` bytes, in memory of their own. Throws ParquetProblem for what is not known, and whatever the codec throws. */
export function unpackPage(
  bytes: Uint8Array,
  { column, codec, length }: { column: string; codec: CompressionCodec; length: number },
): Uint8Array<ArrayBuffer> {
  const unpack = codecs[codec];
  if (!unpack) {
    const message = `the column "${column}" is compressed by ${codec}, which is not read. Write the file with snappy or zstd.`;
    throw new ParquetProblem('packing_unsupported', column, message);
  }
  const page = length === 0 ? new Uint8Array() : unpack(bytes, length);
  if (page.length !== length) throw new RangeError(`a page has ${page.length} bytes instead of ${length}`);
  // Readers of values look at the memory below, which must end where the page does.
  return Uint8Array.from(page);
}
