/** What is measured of a machine's speed; free of the engine. */
import { z } from 'zod';

const point = z.object({
  /** Numbers that a position has between layers. */
  width: z.number().positive(),
  /** Positions of a micro-batch. */
  rows: z.number().positive(),
  operationsPerSecond: z.number().positive(),
});
export type SpeedPoint = z.infer<typeof point>;

export const machineSpeed = z.object({
  points: z.array(point).min(1),
  /** Tracing and compiling a step, for each layer. */
  compileSecondsPerLayer: z.number().nonnegative(),
  /** Share of the processors' time that other programs left to the steps. */
  processorShare: z.number().nonnegative(),
});
export type MachineSpeed = z.infer<typeof machineSpeed>;
