/** Mistral Small 3.1 and later and Ministral 3 as image-text models, of which the text model is trained. */
import { ministral3 } from '#models/families/ministral3.js';
import { mistral } from '#models/families/mistral.js';
import { llavaNames, wrapped } from '#models/families/wrapped.js';

export const mistral3Wrapped = wrapped({
  name: 'Mistral 3 with images',
  architecture: 'Mistral3ForConditionalGeneration',
  modelType: 'mistral3',
  texts: [mistral, ministral3],
  // Mistral Small 3.1, which the configuration class of transformers takes.
  silentText: {
    head_dim: 128,
    hidden_size: 5120,
    intermediate_size: 32_768,
    max_position_embeddings: 131_072,
    num_attention_heads: 32,
    num_hidden_layers: 40,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-5,
    rope_theta: 1e9,
    sliding_window: null,
    vocab_size: 131_072,
  },
  tieWordEmbeddings: true,
  olderNames: llavaNames,
  otherParts: /^(model\.)?(vision_tower|multi_modal_projector)\./,
});
