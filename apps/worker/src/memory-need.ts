/** What a run is predicted to need, where nobody has given it a limit of its own. */
import { totalmem } from 'node:os';
import { z } from 'zod';
import type { TrainingOptions } from '#training/options.js';

const planned = z.object({ memory: z.object({ peak_bytes: z.number() }) });

/** Bytes of the plan of a job; 0 if that is not known, or if the trainer keeps to a limit that the job gives. */
export function memoryNeed({ plan, options }: { plan: unknown; options: TrainingOptions }): number {
  if (typeof options.memory_limit_bytes === 'number') return 0;
  return planned.safeParse(plan).data?.memory.peak_bytes ?? 0;
}

/** What a process may take on this machine: the memory that there is, or what its control group allows, less a little. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return Math.floor(0.95 * (constrained > 0 && constrained < total ? constrained : total));
}
