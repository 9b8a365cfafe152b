/** Where the tfjs-node of these tests was installed. */
import { join } from 'node:path';
import { inject } from 'vitest';

/** A LOWRANK_HOME. */
export const tfjsNodeHome = (): string => inject('tfjsNodeHome');

/** The folder of all installations. */
export const tfjsNodeFolder = (): string => join(tfjsNodeHome(), 'tfjs-node');
