/** A name for a request that may be sent again without doing its work again. */
export function idempotencyKey(): string {
  // crypto.randomUUID is missing on pages that came over plain HTTP from another machine.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
