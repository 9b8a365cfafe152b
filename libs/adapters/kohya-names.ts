/**
 * Names of layers in files of kohya-ss/sd-scripts: `lora_te_` for a model that reads text, `lora_unet_` for one that makes or
 * reads images, and the path of the layer with `_` for every dot. Which dots there were only the model's tree can tell.
 */
import type { Model } from '#models/model.js';

/** A tensor: the name of its layer, and what it is there. sd-scripts counts several text encoders. */
export const kohyaKey = /^((?:lora_te\d?|lora_unet)_[^.]+)\.(.+)$/;

const flat = (path: string) => path.replaceAll('.', '_');

/** The first component of every path but those of the head: sd-scripts has bodies of models, whose paths lack it. */
function bodyOf(tree: Model): string | undefined {
  const layers = [...tree.modules()].filter(
    (layer) => layer.ownParameters.length > 0 && !tree.headLayers.includes(layer),
  );
  const firsts = new Set(layers.map(({ path }) => path.split('.')[0]!));
  return firsts.size === 1 ? [...firsts][0] : undefined;
}

const withoutBody = (path: string, body: string | undefined) =>
  body !== undefined && path.startsWith(`${body}.`) ? path.slice(body.length + 1) : path;

/** The name of a layer in a file. */
export function kohyaName(tree: Model, path: string): string {
  return `${tree.inputs === 'tokens' ? 'lora_te' : 'lora_unet'}_${flat(withoutBody(path, bodyOf(tree)))}`;
}

/** The paths that a name may mean: none, one, or several that differ in dots and underscores. */
export function kohyaPaths(tree: Model): (name: string) => readonly string[] {
  const body = bodyOf(tree);
  const paths = new Map<string, Set<string>>();
  for (const { path } of tree.modules()) {
    if (path === '') continue;
    for (const name of [flat(path), flat(withoutBody(path, body))]) {
      paths.set(name, (paths.get(name) ?? new Set()).add(path));
    }
  }
  return (name) => [...(paths.get(name.replace(/^lora_[a-z\d]+_/, '')) ?? [])];
}
