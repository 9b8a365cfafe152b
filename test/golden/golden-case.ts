/** What the golden cases share: reading their files, and the verdict on one case. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensorsHeader, readTensorF32, readTensorI32 } from '#models/safetensors.js';

/** The largest error that a case showed, in the unit of its tolerance. */
export interface GoldenResult {
  readonly largestError: number;
}

/** A number of a golden case was missed. */
export class GoldenMismatch extends Error {}

export function readJson(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as unknown;
}

/** A tensor of a golden file. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export async function readTensors(path: string): Promise<Map<string, GoldenTensor>> {
  const file = await readSafetensorsHeader(path);
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of file.tensors) {
    const isFloat = /^(F|BF)/.test(entry.dtype);
    const values = isFloat ? await readTensorF32(file, entry) : await readTensorI32(file, entry);
    tensors.set(name, { shape: entry.shape, values });
  }
  return tensors;
}

/** Collects the largest error of a case and fails on the first that is over its tolerance. */
export class ErrorMeter {
  private largest = 0;

  record(what: string, error: number, tolerance: number): void {
    this.largest = Math.max(this.largest, Number.isNaN(error) ? Infinity : error);
    if (!(error <= tolerance))
      throw new GoldenMismatch(`${what} is off by ${error}, allowed is ${tolerance}`);
  }

  get result(): GoldenResult {
    return { largestError: this.largest };
  }
}
