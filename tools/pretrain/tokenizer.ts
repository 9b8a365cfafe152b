/** The base model's tokenizer as the files Hugging Face's libraries read. */
import { trainBytePairEncoding, type BytePairEncoding } from './bpe.js';

/** Special tokens; their ids are their places in this list. The last two mark turns of a chat (ChatML). */
export const specialTokens = ['<pad>', '<s>', '</s>', '<|im_start|>', '<|im_end|>'] as const;

export const vocabularySize = 3072;
/** Longest sequence the base model is trained on. */
export const contextLength = 512;

export const padTokenId = specialTokens.indexOf('<pad>');
export const bosTokenId = specialTokens.indexOf('<s>');
export const eosTokenId = specialTokens.indexOf('</s>');

const chatTemplate =
  "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}" +
  "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}" +
  "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/** Trains the base model's tokenizer on the texts. */
export function trainTokenizer(texts: Iterable<string>): BytePairEncoding {
  return trainBytePairEncoding(texts, { vocabularySize, specialTokens });
}

/** tokenizer.json: ByteLevel words, BPE merges, `<s>` put before every text. */
export function tokenizerJson({ tokens, merges }: BytePairEncoding): Record<string, unknown> {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const bos = { SpecialToken: { id: '<s>', type_id: 0 } };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [bos, { Sequence: { id: 'A', type_id: 0 } }, bos, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [bosTokenId], tokens: ['<s>'] } },
    },
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

/** tokenizer_config.json. */
export function tokenizerConfigJson(): Record<string, unknown> {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: contextLength,
    bos_token: '<s>',
    eos_token: '</s>',
    pad_token: '<pad>',
    clean_up_tokenization_spaces: false,
    chat_template: chatTemplate,
  };
}
