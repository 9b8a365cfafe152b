/** A name for a request: sent again with the same one, the server answers as it did and does nothing twice. */
export function idempotencyKey(): string {
  // crypto.randomUUID is missing on pages that came over plain HTTP from another machine.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
