/** What makes rows into what a model of a folder reads. */
import { loadChatTemplate } from '#data/chat-template.js';
import type { InputCodec } from '#data/input-codec.js';
import { loadTokenizer } from '#data/load-tokenizer.js';
import { imageClassifier } from '#models/abilities.js';
import type { ModelFolder } from '#models/model-folder.js';
import { loadPreprocessor } from '#models/model-preprocessor.js';
import { shortestBlock } from '#training/options.js';

/** Throws the errors of `loadTokenizer` and `loadChatTemplate`, or of `loadPreprocessor`. */
export async function loadCodec(
  model: ModelFolder,
  options: { readonly now?: Date } = {},
): Promise<InputCodec> {
  const { folder, tree } = model;
  if (tree.inputs === 'images') {
    const preprocessor = await loadPreprocessor(model);
    const { size } = preprocessor;
    const positions = imageClassifier(tree, 'training on images').positionsOf(size);
    return { preprocessor, positions: Math.max(shortestBlock, positions) };
  }
  const tokenizer = await loadTokenizer(folder);
  return { tokenizer, template: await loadChatTemplate(folder, tokenizer, options) };
}
