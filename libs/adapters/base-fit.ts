/** Whether adapters belong to a base model. */
import { AdapterError, type AdapterSource } from '#adapters/adapter.js';
import { geometryOf } from '#lora/layer-kinds/registry.js';
import type { Model } from '#models/model.js';

/** Throws AdapterError `adapter_mismatch` if an adapter changes layers that a model does not have, or has in other sizes. */
export function requireBaseLayers(model: Model, { name, modules }: AdapterSource, folder: string): void {
  const sizes = new Map(
    [...model.modules()].flatMap((module) => {
      const { outFeatures = 0, inFeatures = 0 } = geometryOf(module) ?? {};
      return [[module.path, `${outFeatures},${inFeatures}`] as const];
    }),
  );
  const unexpected = [...modules.values()]
    .filter(({ path, r, inFeatures, outFeatures }) =>
      r > 0 ? sizes.get(path) !== `${outFeatures},${inFeatures}` : !sizes.has(path),
    )
    .map(({ path, inFeatures, outFeatures }) => `${path} [${outFeatures}, ${inFeatures}]`);
  if (unexpected.length === 0) return;
  throw new AdapterError(
    'adapter_mismatch',
    name,
    `has layers that ${folder} does not have: ${unexpected.slice(0, 5).join(', ')}; export it with the model that it was trained on`,
    { details: { base: folder, extra: unexpected } },
  );
}
