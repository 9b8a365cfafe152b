/**
 * GPT-2's spelling of bytes: each of the 256 bytes as one printable character, so that a vocabulary of strings can
 * hold any byte sequence. Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and up.
 */

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = spellBytes();

const BYTE_OF = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

function spellBytes(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

/** Spells the UTF-8 bytes of a text. */
export function spellText(text: string): string {
  let result = '';
  for (const byte of encoder.encode(text)) result += BYTE_CHARACTERS[byte];
  return result;
}

/** The bytes that a spelled token stands for; the token's own UTF-8 bytes if it is not a spelling. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  let length = 0;
  for (const character of token) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return encoder.encode(token);
    bytes[length++] = byte;
  }
  return bytes.subarray(0, length);
}
