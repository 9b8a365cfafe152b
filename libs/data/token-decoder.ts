/**
 * The `decoder` of tokenizer.json: vocabulary entries back to text, as the Rust library does it (its decoders folder).
 *
 * Not the decoders of @huggingface/tokenizers 0.2.0: those drop a byte order mark, treat bytes that are not UTF-8
 * differently, and by default take spaces out of the text.
 */
import { UnsupportedError } from '#base/errors.js';
import { bytesOfToken } from '#data/byte-level.js';
import type { StageConfig } from '#data/normalizer.js';
import { compilePattern, type Pattern } from '#data/regex.js';

/** Rewrites the list of tokens; the text is what remains, joined. */
export type TokenDecoder = (tokens: readonly string[]) => string[];

/** Builds the decoder; without one, tokens are joined by spaces. Throws UnsupportedError naming a type it does not know. */
export function createTokenDecoder(config: StageConfig | null | undefined): TokenDecoder {
  if (!config) return (tokens) => [tokens.join(' ')];
  switch (config.type) {
    case 'Sequence': {
      const stages = (config.decoders as StageConfig[]).map(createTokenDecoder);
      return (tokens) => stages.reduce<string[]>((result, stage) => stage(result), [...tokens]);
    }
    case 'ByteLevel':
      return decodeByteLevel;
    case 'ByteFallback':
      return decodeByteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const pattern = compilePattern(config.pattern as Pattern);
      const content = config.content as string;
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    case 'Strip': {
      const character = config.content as string;
      const start = (config.start as number | undefined) ?? 0;
      const stop = (config.stop as number | undefined) ?? 0;
      return (tokens) => tokens.map((token) => strip(token, character, start, stop));
    }
    case 'Metaspace': {
      const replacement = (config.replacement as string | undefined) ?? '▁';
      const hasPrefix = config.prepend_scheme !== 'never' && config.add_prefix_space !== false;
      // Every mark of the first token goes, not only the one that encoding put there: so does the reference.
      return (tokens) =>
        tokens.map((token, index) => token.replaceAll(replacement, index === 0 && hasPrefix ? '' : ' '));
    }
    case 'WordPiece': {
      const prefix = (config.prefix as string | undefined) ?? '##';
      const join = (token: string, index: number): string => {
        if (index === 0) return token;
        return token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      };
      const cleanup = config.cleanup !== false ? cleanUp : (token: string) => token;
      return (tokens) => tokens.map((token, index) => cleanup(join(token, index)));
    }
    default:
      throw new UnsupportedError(`The decoder '${config.type}' of tokenizer.json is not supported.`, {
        decoder: config.type,
      });
  }
}

function decodeByteLevel(tokens: readonly string[]): string[] {
  return [new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(tokens.map(bytesOfToken)))];
}

/** Runs of `<0x41>` become the text of those bytes, or one U+FFFD a byte where they are not UTF-8. */
function decodeByteFallback(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      result.push(new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(Uint8Array.from(bytes)));
    } catch {
      for (let i = 0; i < bytes.length; i++) result.push('\ufffd');
    }
    bytes = [];
  };
  for (const token of tokens) {
    const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (hex !== undefined) {
      bytes.push(Number.parseInt(hex, 16));
    } else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

function strip(token: string, character: string, start: number, stop: number): string {
  const characters = Array.from(token);
  let from = 0;
  while (from < start && characters[from] === character) from++;
  let to = characters.length;
  while (characters.length - to < stop && to > 0 && characters[to - 1] === character) to--;
  return characters.slice(from, Math.max(from, to)).join('');
}

function cleanUp(token: string): string {
  return token
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
