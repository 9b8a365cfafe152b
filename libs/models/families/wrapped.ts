/** Text models inside image-text models, as most of the hub has them. */
import { z } from 'zod';
import { defineFamily, type Family } from '#models/families/family.js';

/** What sets an image-text model apart from its text model. */
export interface WrapperDefinition {
  readonly architecture: string;
  readonly modelType: string;
  /** Where the file is silent. */
  readonly tieWordEmbeddings: boolean;
  /** An older name in files of a parameter, if there is one. */
  readonly olderNames?: (name: string) => string;
  /** Names in files of the tensors of all that is not the text model. */
  readonly otherParts: RegExp;
}

/** The family of the image-text models around a text family: `text_config`, paths under `model.language_model`. */
export function wrapped(text: Family, definition: WrapperDefinition): Family {
  const { architecture, modelType, olderNames, otherParts } = definition;
  const { name, defaultTargets } = text;
  return defineFamily({
    name: `${name} with images`,
    architecture,
    modelType,
    // As a list they would name layers of the vision tower too.
    defaultTargets:
      typeof defaultTargets === 'string'
        ? defaultTargets
        : `.*language_model\\..*\\.(${defaultTargets.join('|')})`,
    files: {
      namesOf: (name) => (olderNames ? [name, olderNames(name)] : [name]),
      otherParts,
    },
    parse: (reader) => {
      const file = reader.fields({
        text_config: z.record(z.string(), z.unknown()).default({}),
        tie_word_embeddings: z.boolean().default(definition.tieWordEmbeddings),
      });
      const { quantization_config: quantization, eos_token_id: eos } = reader.json;
      const above = {
        tie_word_embeddings: file.tie_word_embeddings,
        ...(quantization === undefined ? {} : { quantization_config: quantization }),
        ...(eos === undefined ? {} : { eos_token_id: eos }),
      };
      const config = text.parse(reader.inside('text_config', { ...file.text_config, ...above }));
      return { ...config, wrapper: 'language_model' };
    },
    build: (config) => text.build(config),
  });
}
