/** What the trainer ends with. */
import { kindOf } from '#base/errors.js';
import type { TrainerEnd } from '#contracts/trainer-calls.js';

export const exitCodes = { finished: 0, failed: 1, badJob: 2, cancelled: 130 } as const;

export function exitCodeOfEnd({ type }: TrainerEnd): number {
  return type === 'finished' ? exitCodes.finished : exitCodes.cancelled;
}

export function exitCodeOfError(error: unknown): number {
  return kindOf(error) === 'caller' ? exitCodes.badJob : exitCodes.failed;
}
