/** Puts injected layers into a tree of modules, in the places of linear and convolutional ones. */
import { UnsupportedError } from '#base/errors.js';
import { type InjectedConv2dOptions, LoraInjectedConv2d } from '#lora/lora-injected-conv2d.js';
import { LoraInjectedLinear } from '#lora/lora-injected-linear.js';
import { ImageMap } from '#nn/conv2d.js';
import { type Module, RowMap } from '#nn/module.js';

/**
 * Replaces the layers at the given paths by injected ones around them and returns those, in the same order.
 *
 * Throws `module_not_found`, `rank_too_large`, `rank_not_divisible`, and UnsupportedError for a layer that is neither
 * linear nor a convolution.
 */
export function injectLayers(
  root: Module,
  targets: Readonly<Record<string, InjectedConv2dOptions>>,
): (LoraInjectedConv2d | LoraInjectedLinear)[] {
  return Object.entries(targets).map(([path, options]) => {
    const slot = root.slotOf(path);
    const { module } = slot;
    const layer =
      module instanceof RowMap
        ? new LoraInjectedLinear(module, options)
        : module instanceof ImageMap
          ? new LoraInjectedConv2d(module, options)
          : undefined;
    if (!layer) {
      throw new UnsupportedError(`LoRA on ${path} is not supported: it is neither linear nor a convolution`, {
        module: path,
      });
    }
    slot.module = layer;
    return layer;
  });
}
