/** What one token adds to a text, in bytes: characters may lie in several tokens. */
import { bytesOfToken } from '#data/byte-level.js';
import type { StageConfig } from '#data/normalizer.js';

const encoder = new TextEncoder();

/** The bytes that a vocabulary entry adds in the middle of a text. */
export type TokenBytes = (token: string) => Uint8Array;

/** Follows the `decoder` of tokenizer.json, one that `createTokenDecoder` knows. */
export function createTokenBytes(config: StageConfig | null | undefined): TokenBytes {
  const stages = stagesOf(config);
  if (stages.some(({ type }) => type === 'ByteLevel')) return bytesOfToken;
  if (stages.length === 0) return (token) => encoder.encode(` ${token}`);
  const wordPiece = stages.find(({ type }) => type === 'WordPiece');
  if (wordPiece) {
    const prefix = (wordPiece.prefix as string | undefined) ?? '##';
    return (token) => encoder.encode(token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
  }
  const hasBytes = stages.some(({ type }) => type === 'ByteFallback');
  // Metaspace, and what sentencepiece's own decoders are written as: a mark that stands for a space.
  return (token) => {
    const hex = hasBytes ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1] : undefined;
    return hex === undefined
      ? encoder.encode(token.replaceAll('▁', ' '))
      : Uint8Array.of(Number.parseInt(hex, 16));
  };
}

function stagesOf(config: StageConfig | null | undefined): StageConfig[] {
  if (!config) return [];
  return config.type === 'Sequence' ? (config.decoders as StageConfig[]).flatMap(stagesOf) : [config];
}
