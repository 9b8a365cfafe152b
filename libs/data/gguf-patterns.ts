/** Patterns that cut texts into words, by the names that llama.cpp has for them (`llm_tokenizer_bpe` in llama-vocab.cpp). */

/** That of GPT-2, which the byte level stage of tokenizer.json has built in. */
export const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const others = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const cased =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const upper =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const gpt4oRest = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** The stages of each, as tokenizer.json has them. */
const patterns: Readonly<Record<string, readonly string[]>> = {
  'gpt-2': [gpt2Pattern],
  smollm: ['\\p{N}', gpt2Pattern],
  'llama-bpe': [`${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${others}`],
  qwen2: [`${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${others}`],
  'gpt-4o': [`${cased}|${upper}|\\p{N}{1,3}|${gpt4oRest}`],
  tekken: [`${cased}|${upper}|\\p{N}|${gpt4oRest}`.replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", '')],
};

/** The name of what cuts texts by these patterns, one after another; undefined for one that is not known. */
export function patternName(stages: readonly string[]): string | undefined {
  return Object.keys(patterns).find((name) => patterns[name]!.join('\n') === stages.join('\n'));
}
