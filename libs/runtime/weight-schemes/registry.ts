/** The ways in which frozen weights can be stored. */
import { schemeOf, type WeightSource } from '#jit/graph.js';
import { blockSchemes } from '#runtime/weight-schemes/blocks.js';
import { gguf } from '#runtime/weight-schemes/gguf.js';
import { int8 } from '#runtime/weight-schemes/int8.js';
import { plainSchemes } from '#runtime/weight-schemes/plain.js';
import type { WeightScheme } from '#runtime/weight-schemes/scheme.js';

// A source finds its scheme by the scheme's name, so a scheme meets sources of its own kind only.
const all = [
  ...Object.values(plainSchemes),
  ...Object.values(blockSchemes).flatMap((schemes) => Object.values(schemes)),
  gguf,
  int8,
] as readonly WeightScheme[];
const schemes = new Map(all.map((scheme) => [scheme.name, scheme]));

/** The scheme of a stored weight. */
export function weightScheme(source: WeightSource): WeightScheme {
  const scheme = schemes.get(schemeOf(source));
  if (!scheme) throw new Error(`there is no scheme ${schemeOf(source)} of stored weights`);
  return scheme;
}
