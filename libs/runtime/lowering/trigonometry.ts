/**
 * Sine and cosine that stay exact for the angles of long contexts. A GPU's own are only good to about 2^-11, and
 * only near zero (Vulkan specification, precision of GLSL.std.450 instructions).
 */
import type { OnnxBuilder } from '#runtime/lowering/builder.js';
import type { OnnxValue } from '#runtime/onnx-graph.js';

/** Pi in two parts; a whole number below 2^16 times the first is exact in float32 (Cody and Waite 1980). */
const piHigh = 3.140625;
const piLow = Math.PI - piHigh;

/** The angle minus the nearest multiple of pi, and the sign that this costs. */
function reduce(builder: OnnxBuilder, x: OnnxValue): { angle: OnnxValue; sign: OnnxValue } {
  const times = (a: OnnxValue, factor: number) => builder.binary('Mul', a, builder.float(factor));
  const half = builder.float(0.5);
  const turns = builder.unary('Floor', builder.binary('Add', times(x, 1 / Math.PI), half));
  const nearly = builder.binary('Sub', x, times(turns, piHigh));
  const angle = builder.binary('Sub', nearly, times(turns, piLow));
  const odd = builder.binary('Sub', turns, times(builder.unary('Floor', times(turns, 0.5)), 2));
  return { angle, sign: builder.binary('Sub', builder.float(1), times(odd, 2)) };
}

/** The Taylor polynomial with the given coefficients in x^2, good to float32 on [-pi/2, pi/2]. */
function polynomial(builder: OnnxBuilder, square: OnnxValue, coefficients: readonly number[]): OnnxValue {
  const [last, ...rest] = coefficients.toReversed().map((coefficient) => builder.float(coefficient));
  return rest.reduce((sum, term) => builder.binary('Add', builder.binary('Mul', sum, square), term), last!);
}

/** 1 / (first)!, -1 / (first + 2)!, ... */
function alternating(first: number, count: number): number[] {
  let factorial = 1;
  for (let i = 2; i <= first; i++) factorial *= i;
  return Array.from({ length: count }, (_, i) => {
    const n = first + 2 * i;
    if (i > 0) factorial *= n * (n - 1);
    return (i % 2 === 0 ? 1 : -1) / factorial;
  });
}

export function exactSin(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  if (builder.can.hasExactSine) return builder.unary('Sin', x);
  const { angle, sign } = reduce(builder, x);
  const square = builder.binary('Mul', angle, angle);
  const sine = builder.binary('Mul', angle, polynomial(builder, square, alternating(1, 7)));
  return builder.binary('Mul', sine, sign);
}

export function exactCos(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  if (builder.can.hasExactSine) return builder.unary('Cos', x);
  const { angle, sign } = reduce(builder, x);
  const square = builder.binary('Mul', angle, angle);
  return builder.binary('Mul', polynomial(builder, square, alternating(0, 8)), sign);
}
