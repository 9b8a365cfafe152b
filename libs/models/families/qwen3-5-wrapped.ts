/** Qwen3.5 as image-text models, of which the text model is trained. */
import { qwen35 } from '#models/families/qwen3-5.js';
import { wrapped } from '#models/families/wrapped.js';

export const qwen35Wrapped = wrapped({
  name: 'Qwen3.5 with images',
  architecture: 'Qwen3_5ForConditionalGeneration',
  modelType: 'qwen3_5',
  texts: [qwen35],
  tieWordEmbeddings: false,
  otherParts: /^model\.visual\./,
});
