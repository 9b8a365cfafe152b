/** Gemma 3 as image-text models, of which the text model is trained. */
import { gemma3 } from '#models/families/gemma3.js';
import { wrapped } from '#models/families/wrapped.js';

export const gemma3Wrapped = wrapped(gemma3, {
  architecture: 'Gemma3ForConditionalGeneration',
  modelType: 'gemma3',
  tieWordEmbeddings: true,
  // Files of before transformers 4.52, which it still writes.
  olderNames: (name) => `language_model.${name.replace('model.language_model.', 'model.')}`,
  otherParts: /^(model\.)?(vision_tower|multi_modal_projector)\./,
});
