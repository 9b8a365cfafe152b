/** The objectives that a run can learn by. A new one is a file beside this one, its declaration, and an entry in the table. */
import { type InputCodec, readsImages } from '#data/input-codec.js';
import type { ModelFolder } from '#models/model-folder.js';
import type { Method, MethodType } from '#training/objectives/declared/registry.js';
import { classification } from '#training/objectives/classification.js';
import { imageClassification } from '#training/objectives/image-classification.js';
import { dpo } from '#training/objectives/dpo.js';
import { nextToken } from '#training/objectives/next-token.js';
import { orpo } from '#training/objectives/orpo.js';
import type { Objective, ObjectiveSetting } from '#training/objectives/objective.js';

type Maker<T extends MethodType> = (
  method: Extract<Method, { type: T }>,
  setting: ObjectiveSetting,
) => Objective;

/** Objectives with their options, by `method.type`. */
const objectives: { readonly [T in MethodType]: Maker<T> } = {
  supervised: () => nextToken,
  dpo,
  orpo,
  classification: (method, setting) =>
    setting.preprocessor
      ? imageClassification(setting.tree, setting.preprocessor)
      : classification(method, setting),
};

/** The objective that a method names, with its options. */
export function objectiveOf(method: Method, setting: ObjectiveSetting): Objective {
  const make = objectives[method.type] as (method: Method, setting: ObjectiveSetting) => Objective;
  return make(method, setting);
}

/** What an objective is told of a model that learns and reads with a codec. */
export function settingOf({ tree }: ModelFolder, codec: InputCodec): ObjectiveSetting {
  return { tree, preprocessor: readsImages(codec) ? codec.preprocessor : undefined };
}
