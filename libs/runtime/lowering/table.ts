/** The one table from kernels to ONNX operators; a kernel without an entry does not compile. */
import type { KernelName } from '#jit/kernel-table.js';
import type { accumulatedProduct } from '#jit/passes/accumulate.js';
import { attentionRules } from '#runtime/lowering/attention.js';
import { convolutionRules } from '#runtime/lowering/convolutions.js';
import { elementwiseRules } from '#runtime/lowering/elementwise.js';
import { layerRules } from '#runtime/lowering/layers.js';
import { layoutRules } from '#runtime/lowering/layout.js';
import { productRules } from '#runtime/lowering/products.js';
import { reductionRules } from '#runtime/lowering/reductions.js';
import type { Lowering } from '#runtime/lowering/rule.js';

export const loweringTable: Readonly<Record<KernelName | typeof accumulatedProduct, Lowering>> = {
  ...attentionRules,
  ...convolutionRules,
  ...elementwiseRules,
  ...layerRules,
  ...layoutRules,
  ...productRules,
  ...reductionRules,
};
