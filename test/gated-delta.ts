import { GatedDeltaNet } from '#nn/gated-delta-net.js';
import type { Module } from '#nn/module.js';

/** Whether numbers of a model are compared by `gatedDeltaTolerances`. */
export const hasGatedDelta = (tree: Module): boolean =>
  [...tree.modules()].some((module) => module instanceof GatedDeltaNet);
