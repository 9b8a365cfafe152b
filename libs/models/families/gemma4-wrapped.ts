/** Gemma 4 as models of images, video and sound, of which the text model is trained. */
import { gemma4 } from '#models/families/gemma4.js';
import { wrapped } from '#models/families/wrapped.js';

export const gemma4Wrapped = wrapped({
  name: 'Gemma 4 with images',
  architecture: 'Gemma4ForConditionalGeneration',
  modelType: 'gemma4',
  texts: [gemma4],
  tieWordEmbeddings: true,
  otherParts: /^model\.(vision_tower|audio_tower|embed_vision|embed_audio)\./,
});
