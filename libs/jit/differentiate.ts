/** Gradients of functions of tensors, with the rules of `tensorflow-gradients.ts`. */
import { operation } from '#jit/door.js';
import '#jit/tensorflow-gradients.js';

/** The value of a function, and its gradients by each of its arguments. */
export const valueAndGrads = operation('valueAndGrads');
