/** Shapes of tensors. */

/** Sizes along the axes, the slowest first. */
export type Shape = readonly number[];

/** How many numbers a tensor of a shape holds. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** A shape as messages show it. */
export function shapeText(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Shape of an elementwise result under NumPy broadcasting. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [p, q] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    return p === 1 ? q : p;
  });
}
