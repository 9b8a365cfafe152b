/** Gemma 3 as image-text models, of which the text model is trained. */
import { gemma3 } from '#models/families/gemma3.js';
import { llavaNames, wrapped } from '#models/families/wrapped.js';

export const gemma3Wrapped = wrapped({
  name: 'Gemma 3 with images',
  architecture: 'Gemma3ForConditionalGeneration',
  modelType: 'gemma3',
  texts: [gemma3],
  tieWordEmbeddings: true,
  olderNames: llavaNames,
  otherParts: /^(model\.)?(vision_tower|multi_modal_projector)\./,
});
