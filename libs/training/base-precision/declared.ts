/** The precisions that a frozen base model can compute in, as they are declared. */
import type { Capabilities } from '#runtime/capabilities.js';

interface PrecisionDeclaration {
  readonly name: string;
  /** For people who choose. */
  readonly title: string;
  readonly detail: string;
  /** What kernels a device must have; null where any will do. */
  readonly needs: keyof Capabilities | null;
  /** Measured: how many times as fast steps are as those of the base as stored. */
  readonly pace: number;
}

export const precisionDeclarations = [
  { name: 'as-stored', title: 'As stored', detail: 'Exact', needs: null, pace: 1 },
  {
    name: 'int8',
    title: '8-bit integers',
    detail: 'Rounded, for speed on the CPU',
    needs: 'hasIntegerProducts',
    pace: 1.7,
  },
  {
    name: 'int4',
    title: '4-bit integers',
    detail: 'Rounded most, for the least memory on the CPU',
    needs: 'hasBlocks',
    pace: 0.85,
  },
] as const satisfies readonly PrecisionDeclaration[];

export type BasePrecision = (typeof precisionDeclarations)[number]['name'];

export const basePrecisions: readonly BasePrecision[] = precisionDeclarations.map(({ name }) => name);

export const defaultPrecision: BasePrecision = 'as-stored';

export function precisionDeclaration(precision: BasePrecision): PrecisionDeclaration {
  return precisionDeclarations.find(({ name }) => name === precision)!;
}
