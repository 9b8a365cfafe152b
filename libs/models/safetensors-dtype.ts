/**
 * Bits of one element of every dtype of the safetensors format (0.8), in the order in which the library sorts tensors
 * when it writes a file: it puts the last of this list first.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** A dtype of the safetensors format. */
export type Dtype = keyof typeof DTYPE_BITS;
/** The dtypes that numbers of a model may be stored in. */
export type FloatDtype = 'F32' | 'BF16' | 'F16';

const rank = new Map(Object.keys(DTYPE_BITS).map((dtype, index) => [dtype, index]));

/** Sorts dtypes as the safetensors library does: the coarsest alignment first. */
export function compareDtypes(a: Dtype, b: Dtype): number {
  return rank.get(b)! - rank.get(a)!;
}

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BITS, value);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'BF16' || dtype === 'F16';
}
