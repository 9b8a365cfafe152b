/** Where a convolution's window goes: the numbers that shape rules, eager forms and lowerings share. */

import { LowrankError } from '#base/errors.js';
import type { Shape } from '#base/shapes.js';

/** A pair of numbers, for height and width. */
export type Pair = readonly [number, number];

/** The window of a convolution as plain lists, the form in which kernels and graphs hold it. */
export type ConvAttributes = {
  /** Rows and columns from one place of the window to the next. */
  readonly strides: Pair;
  /** Zeros around the image: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Rows and columns from one entry of the kernel to the next. */
  readonly dilations: Pair;
  /** Parts that the channels are cut into; a part of the result sees only its own part of the image. */
  readonly groups: number;
};

/** Height and width of the result of a convolution of an image [.., H, W] with a kernel [.., kh, kw]. */
export function convolvedSize(image: Pair, kernel: Pair, { strides, pads, dilations }: ConvAttributes): Pair {
  const along = (axis: 0 | 1) => {
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.floor((image[axis] + pads[axis] + pads[axis + 2]! - reach) / strides[axis]) + 1;
  };
  return [along(0), along(1)];
}

/** Height and width of a tensor [.., height, width]. */
export function planeOf({ shape }: { readonly shape: readonly number[] }): Pair {
  return [shape.at(-2)!, shape.at(-1)!];
}

/**
 * Shape [N, out, h, w] of the convolution of an image [N, in, H, W] with a kernel [out, in / groups, kh, kw].
 *
 * Throws `conv_shape` for channels that do not fit the kernel and a window that does not fit the image.
 */
export function convolvedShape(image: Shape, kernel: Shape, attributes: ConvAttributes): number[] {
  const { groups } = attributes;
  const refuse = (problem: string) => convShapeError(image, kernel, attributes, problem);
  if (image.length !== 4 || kernel.length !== 4) throw refuse('both must have four axes');
  const [N, C] = image as [number, number];
  const [O, perGroup] = kernel as [number, number];
  if (C !== perGroup * groups) {
    throw refuse(`with ${groups} groups the image must have ${perGroup * groups} channels`);
  }
  if (O % groups !== 0) throw refuse(`${O} results cannot be cut into ${groups} groups`);
  const plane = convolvedSize(planeOf({ shape: image }), planeOf({ shape: kernel }), attributes);
  if (Math.min(...plane) < 1) throw refuse('the window is larger than the image with its padding');
  return [N, O, ...plane];
}

/** An image and a kernel that do not go together. */
export function convShapeError(
  image: Shape,
  kernel: Shape,
  attributes: ConvAttributes,
  problem: string,
): LowrankError {
  const shapes = `an image [${image.join(', ')}] and a kernel [${kernel.join(', ')}]`;
  return new LowrankError('conv_shape', `a convolution of ${shapes}: ${problem}`, {
    details: { image, kernel, ...attributes },
  });
}
