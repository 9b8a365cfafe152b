/**
 * Reading safetensors files: a JSON header that is believed in nothing, then tensors by byte range.
 *
 * Format: https://github.com/huggingface/safetensors (0.8). Numbers are little-endian, as on every machine that runs this.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileProblem } from '#base/file-problem.js';
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { parseSafetensorsHeader, SafetensorsError } from '#models/safetensors-header.js';
import type { SafetensorsLimits, TensorEntry } from '#models/safetensors-header.js';
import { upcastBfloat16, upcastFloat16 } from '#base/half-precision.js';
import { DTYPE_BITS, isFloatDtype } from '#models/safetensors-dtype.js';

export { SafetensorsError };
export type { SafetensorsLimits, TensorEntry };

/** A safetensors file whose header holds together. */
export interface SafetensorsFile {
  readonly path: string;
  /** Size of the file in bytes. */
  readonly size: number;
  /** In the order of the bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** For the weights of a model: the format's own limit. */
export const MODEL_LIMITS: SafetensorsLimits = { maxHeaderBytes: 100_000_000, maxTensors: 200_000 };
/** For adapters, which anybody uploads. */
export const ADAPTER_LIMITS: SafetensorsLimits = { maxHeaderBytes: 1 << 20, maxTensors: 4096 };

/**
 * Reads and checks the header of a safetensors file.
 *
 * Throws SafetensorsError with a code of its own for every way in which a file can be wrong, naming the file, the
 * tensor and the numbers, and LowrankError `file_not_found`.
 */
export async function readSafetensorsHeader(
  path: string,
  limits: SafetensorsLimits = MODEL_LIMITS,
): Promise<SafetensorsFile> {
  return withFile(path, async (handle) => {
    const status = await handle.stat();
    if (!status.isFile()) {
      throw new SafetensorsError('safetensors_not_a_file', path, 'is not a regular file');
    }
    const { size } = status;
    if (size < 8) {
      throw new SafetensorsError(
        'safetensors_too_small',
        path,
        size === 0 ? 'is empty' : `has ${size} bytes, and its header alone needs more`,
        { size },
      );
    }
    if (isGitLfsPointer(await readBytes(handle, path, 0, Math.min(size, 64)))) {
      throw new LowrankError('safetensors_not_a_file', `${path} ${gitLfsPointer}`, {
        details: { file: path },
      });
    }
    const prefix = await readBytes(handle, path, 0, 8);
    const headerLength = new DataView(prefix.buffer).getBigUint64(0, true);
    if (headerLength > BigInt(limits.maxHeaderBytes)) {
      throw new SafetensorsError(
        'safetensors_header_too_large',
        path,
        `announces a header of ${headerLength} bytes, the limit is ${limits.maxHeaderBytes}: it is not safetensors`,
        { headerLength: String(headerLength), limit: limits.maxHeaderBytes },
      );
    }
    const length = Number(headerLength);
    if (8 + length > size) {
      throw new SafetensorsError(
        'safetensors_header_truncated',
        path,
        `announces a header of ${length} bytes, but only ${size - 8} bytes follow`,
        { headerLength: length, size },
      );
    }
    const header = await readBytes(handle, path, 8, length);
    return { path, size, ...parseSafetensorsHeader(header, path, size, limits) };
  });
}

/**
 * Reads one tensor as float32; bfloat16 and float16 are upcast, which is exact, and float64 is rounded to nearest.
 *
 * Throws UnsupportedError for other dtypes and SafetensorsError if the file has become shorter.
 */
export async function readTensorF32(
  file: { readonly path: string },
  entry: TensorEntry,
): Promise<Float32Array> {
  const { dtype } = entry;
  if (!isFloatDtype(dtype) && dtype !== 'F64') {
    throw new UnsupportedError(
      `${file.path}: dtype ${dtype} cannot be read as numbers: use F32, BF16, F16 or F64`,
      {
        file: file.path,
        dtype,
      },
    );
  }
  return withFile(file.path, async (handle) => {
    if (dtype === 'F32') {
      const bytes = await readBytes(handle, file.path, entry.offset, entry.byteLength);
      return new Float32Array(bytes.buffer);
    }
    const width = DTYPE_BITS[dtype] / 8;
    const result = new Float32Array(entry.byteLength / width);
    // In pieces, so that a large tensor does not stand in memory twice.
    for (let done = 0; done < entry.byteLength; done += CHUNK) {
      const length = Math.min(CHUNK, entry.byteLength - done);
      const { buffer } = await readBytes(handle, file.path, entry.offset + done, length);
      if (dtype === 'F64') result.set(new Float64Array(buffer), done / width);
      else if (dtype === 'BF16') upcastBfloat16(new Uint16Array(buffer), result, done / width);
      else upcastFloat16(new Uint16Array(buffer), result, done / width);
    }
    return result;
  });
}

/** Reads one tensor of I64, I32, U8 or BOOL (token ids, masks) as int32; throws if a number does not fit. */
export async function readTensorI32(
  file: { readonly path: string },
  entry: TensorEntry,
): Promise<Int32Array> {
  const bytes = await readTensorBytes(file, entry);
  const { dtype } = entry;
  if (dtype === 'I32') return new Int32Array(bytes.buffer);
  if (dtype === 'U8' || dtype === 'BOOL') return Int32Array.from(bytes);
  if (dtype !== 'I64') {
    throw new UnsupportedError(`${file.path}: dtype ${dtype} cannot be read as int32`, {
      file: file.path,
      dtype,
    });
  }
  return Int32Array.from(new BigInt64Array(bytes.buffer), (value) => {
    if (value !== BigInt.asIntN(32, value)) {
      throw new SafetensorsError('safetensors_integer_too_large', file.path, `holds ${value}, beyond int32`);
    }
    return Number(value);
  });
}

/** Reads the bytes of one tensor as they are stored, into memory of their own. */
export async function readTensorBytes(
  file: { readonly path: string },
  entry: TensorEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(file.path, (handle) => readBytes(handle, file.path, entry.offset, entry.byteLength));
}

/** Whether two stored tensors have the same dtype, shape and bytes; stops at the first difference. */
export async function sameTensor(
  a: { readonly path: string; readonly entry: TensorEntry },
  b: { readonly path: string; readonly entry: TensorEntry },
): Promise<boolean> {
  if (a.entry.dtype !== b.entry.dtype || a.entry.shape.join() !== b.entry.shape.join()) return false;
  return withFile(a.path, (handleA) =>
    withFile(b.path, async (handleB) => {
      for (let done = 0; done < a.entry.byteLength; done += CHUNK) {
        const length = Math.min(CHUNK, a.entry.byteLength - done);
        const [bytesA, bytesB] = await Promise.all([
          readBytes(handleA, a.path, a.entry.offset + done, length),
          readBytes(handleB, b.path, b.entry.offset + done, length),
        ]);
        if (Buffer.compare(bytesA, bytesB) !== 0) return false;
      }
      return true;
    }),
  );
}

const CHUNK = 16 << 20;

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'file_not_found' : 'file_unreadable';
    throw new LowrankError(code, `${path} ${fileProblem(cause)}`, {
      cause,
      details: { file: path },
    });
  }
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function readBytes(
  handle: FileHandle,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One read call moves at most 2 GiB.
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 1 << 30), offset + done);
    if (bytesRead === 0) {
      throw new SafetensorsError(
        'safetensors_truncated',
        path,
        `ends at byte ${offset + done}, ${length - done} bytes are missing`,
        { offset, length },
      );
    }
    done += bytesRead;
  }
  return bytes;
}
