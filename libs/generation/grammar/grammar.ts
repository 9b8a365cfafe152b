/** Grammars over bytes: what a text may be, as nodes that refer to each other. */

export type Grammar =
  /** One byte of a set, 256 flags. */
  | { readonly kind: 'byte'; readonly set: Uint8Array }
  | { readonly kind: 'sequence'; readonly parts: readonly Grammar[] }
  | { readonly kind: 'choice'; readonly options: readonly Grammar[] }
  | { readonly kind: 'repeat'; readonly part: Grammar; readonly least: number; readonly most: number }
  /** Stands for a grammar that is made when it is first needed, and may be within itself. */
  | { readonly kind: 'rule'; readonly make: () => Grammar };

const encoder = new TextEncoder();

/** One byte from stretches of bytes, both ends included. */
export function bytes(...ranges: readonly (readonly [from: number, to: number])[]): Grammar {
  const set = new Uint8Array(256);
  for (const [from, to] of ranges) set.fill(1, from, to + 1);
  return { kind: 'byte', set };
}

/** One character of ASCII out of a text. */
export function oneOf(characters: string): Grammar {
  return bytes(...Array.from(encoder.encode(characters), (byte) => [byte, byte] as const));
}

/** A text as it stands. */
export function literal(text: string): Grammar {
  return sequence(...Array.from(encoder.encode(text), (byte) => bytes([byte, byte])));
}

export function sequence(...parts: readonly Grammar[]): Grammar {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
}

export function choice(...options: readonly Grammar[]): Grammar {
  return options.length === 1 ? options[0]! : { kind: 'choice', options };
}

export const nothing: Grammar = sequence();

export function optional(part: Grammar): Grammar {
  return choice(part, nothing);
}

export function repeat(part: Grammar, least = 0, most = Infinity): Grammar {
  return { kind: 'repeat', part, least, most };
}

/** Made when it is first needed. */
export function rule(make: () => Grammar): Grammar {
  let made: Grammar | undefined;
  return { kind: 'rule', make: () => (made ??= make()) };
}
