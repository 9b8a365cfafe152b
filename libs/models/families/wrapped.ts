/** Text models inside image-text models, as most of the hub has them. */
import { z } from 'zod';
import { defineFamily, type Family } from '#models/families/family.js';
import type { TextConfig } from '#models/model-config.js';

/** What sets an image-text model apart from its text model. */
export interface WrapperDefinition {
  readonly name: string;
  readonly architecture: string;
  readonly modelType: string;
  /** The families that its text model may be of, the first where `text_config` does not say. */
  readonly texts: readonly [Family, ...Family[]];
  /** `text_config` where there is none, if it is more than the text family's own defaults. */
  readonly silentText?: Readonly<Record<string, unknown>>;
  /** Where the file is silent. */
  readonly tieWordEmbeddings: boolean;
  /** An older name in files of a parameter, if there is one. */
  readonly olderNames?: (name: string) => string;
  /** Names in files of the tensors of all that is not the text model. */
  readonly otherParts: RegExp;
}

interface WrappedConfig extends TextConfig {
  readonly textModelType: string;
}

/** Names of before transformers 4.52, which it still writes for the families that had them. */
export const llavaNames = (name: string): string =>
  `language_model.${name.replace('model.language_model.', 'model.')}`;

/** The family of the image-text models around text families: `text_config`, paths under `model.language_model`. */
export function wrapped(definition: WrapperDefinition): Family {
  const { name, architecture, modelType, texts, silentText = {}, olderNames, otherParts } = definition;
  const [{ defaultTargets }] = texts;
  const textOf = (modelType: unknown) => texts.find((text) => text.modelType === modelType);
  const ignored = texts.flatMap(({ files }) => files?.ignored?.source ?? []);
  return defineFamily<WrappedConfig>({
    name,
    architecture,
    modelType,
    // As a list they would name layers of the vision tower too.
    defaultTargets:
      typeof defaultTargets === 'string'
        ? defaultTargets
        : `.*language_model\\..*\\.(${defaultTargets.join('|')})`,
    files: {
      namesOf: (name) => (olderNames ? [name, olderNames(name)] : [name]),
      ...(ignored.length > 0 ? { ignored: new RegExp(ignored.join('|')) } : {}),
      otherParts,
    },
    parse: (reader) => {
      const file = reader.fields({
        text_config: z.record(z.string(), z.unknown()).nullish(),
        tie_word_embeddings: z.boolean().default(definition.tieWordEmbeddings),
      });
      const { quantization_config: quantization, eos_token_id: eos } = reader.json;
      const above = {
        tie_word_embeddings: file.tie_word_embeddings,
        ...(quantization === undefined ? {} : { quantization_config: quantization }),
        ...(eos === undefined ? {} : { eos_token_id: eos }),
      };
      const textConfig = file.text_config ?? silentText;
      const inside = reader.inside('text_config', { ...textConfig, ...above });
      const { model_type: textType = texts[0].modelType } = textConfig;
      const known = texts.map((text) => text.modelType);
      const text =
        textOf(textType) ?? inside.refuse('model_type', `its text model may be ${known.join(' or ')}`);
      return {
        ...(text.parse(inside) as TextConfig),
        wrapper: 'language_model',
        textModelType: text.modelType,
      };
    },
    build: (config) => textOf(config.textModelType)!.build(config),
    gguf: (config) => textOf(config.textModelType)?.gguf?.(config),
  });
}
