/** What makes of rows what a model reads. */
import { createHash } from 'node:crypto';
import type { ChatTemplate } from '#data/chat-template.js';
import type { Tokenizer } from '#data/tokenizer.js';
import type { ImagePreprocessor } from '#images/preprocessor.js';

/** What turns text into tokens. */
export interface TextCodec {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
}

/** What turns images into pixels of one size. */
export interface ImageCodec {
  readonly preprocessor: ImagePreprocessor;
  /** Places of the model that an image takes, as a text takes one for each token. */
  readonly positions: number;
}

export type InputCodec = TextCodec | ImageCodec;

export const readsImages = <C extends InputCodec>(codec: C): codec is Extract<C, ImageCodec> =>
  'preprocessor' in codec;

/** Names of what decides about the content of examples: the tokenizer or the preprocessor, and the template. */
export function codecDigests(codec: InputCodec): { readonly tokenizer: string; readonly template: string } {
  if (!readsImages(codec)) return { tokenizer: codec.tokenizer.digest, template: codec.template.digest };
  const key = JSON.stringify([codec.preprocessor.key, codec.positions]);
  return { tokenizer: createHash('sha256').update(key).digest('hex'), template: 'images' };
}
