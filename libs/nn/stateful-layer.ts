import type { DecoderPass } from '#nn/decoder-pass.js';
import { Module } from '#nn/module.js';

/** A layer that carries numbers of a fixed size from token to token while text is generated. */
export abstract class StatefulLayer extends Module {
  abstract readonly stateShape: readonly number[];
  /** Makes what it needs of a pass that belongs to no layer, before the first layer runs. */
  abstract prepare(pass: DecoderPass): void;
}
