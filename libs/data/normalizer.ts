/** The `normalizer` of tokenizer.json: text in, text out, before it is split into words. */
import { UnsupportedError } from '#base/errors.js';
import { compilePattern, type Pattern } from '#data/regex.js';

/** Rewrites one section of text (a stretch between added tokens). The empty text stays empty. */
export type Normalizer = (text: string) => string;

/** A stage of tokenizer.json as parsed: its type and its own options. */
export interface StageConfig {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** Builds the normalizer, or undefined where there is none. Throws UnsupportedError naming a type it does not know. */
export function createNormalizer(config: StageConfig | null | undefined): Normalizer | undefined {
  if (!config) return undefined;
  switch (config.type) {
    case 'Sequence': {
      const stages = (config.normalizers as StageConfig[]).map(createNormalizer);
      return (text) => stages.reduce((result, stage) => (stage ? stage(result) : result), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = config.type;
      return (text) => text.normalize(form);
    }
    case 'Prepend': {
      const prefix = config.prepend as string;
      return (text) => (text === '' ? '' : prefix + text);
    }
    case 'Replace': {
      const pattern = compilePattern(config.pattern as Pattern);
      const content = config.content as string;
      // A function, because `$&` and the like have no meaning in tokenizer.json.
      return (text) => text.replace(pattern, () => content);
    }
    case 'Lowercase':
      return lowercase;
    case 'Strip': {
      const left = config.strip_left !== false;
      const right = config.strip_right !== false;
      return (text) => {
        let result = text;
        if (left) result = result.replace(/^\p{White_Space}+/u, '');
        if (right) result = result.replace(/\p{White_Space}+$/u, '');
        return result;
      };
    }
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '');
    case 'BertNormalizer':
      return createBertNormalizer(config);
    default:
      throw new UnsupportedError(`The normalizer '${config.type}' of tokenizer.json is not supported.`, {
        normalizer: config.type,
      });
  }
}

/** Character by character, as the reference does: a whole-string toLowerCase() writes a final sigma as ς. */
function lowercase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join('');
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Co}]/u;
const CJK =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function createBertNormalizer(config: StageConfig): Normalizer {
  const lower = config.lowercase !== false;
  const stripAccents = (config.strip_accents as boolean | null | undefined) ?? lower;
  return (text) => {
    let result = text;
    if (config.clean_text !== false) result = cleanText(result);
    if (config.handle_chinese_chars !== false) result = result.replace(CJK, ' $& ');
    if (stripAccents) result = result.normalize('NFD').replace(/\p{Mn}/gu, '');
    return lower ? lowercase(result) : result;
  };
}

function cleanText(text: string): string {
  let result = '';
  for (const character of text) {
    if (/[\t\n\r]/.test(character)) result += ' ';
    else if (character === '\0' || character === '\ufffd' || CONTROL.test(character)) continue;
    else result += /\p{White_Space}/u.test(character) ? ' ' : character;
  }
  return result;
}
