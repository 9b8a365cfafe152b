/**
 * What a process and its child say to each other over IPC: methods with a typed input, updates on the way, and one result
 * or one error. libs/platform/process-client.ts is the side that asks, libs/contracts/serve-calls.ts the one that answers.
 */
import { z } from 'zod';
import { errorFacts } from '#contracts/error-facts.js';

/** What one method takes and gives; `z.never()` where it tells nothing on the way. */
export interface Method {
  readonly input: z.ZodType;
  readonly update: z.ZodType;
  readonly result: z.ZodType;
}
/** What a kind of process can be asked, by name. */
export type Methods = Readonly<Record<string, Method>>;

const call = z.int();

/** To the child. A cancelled call still ends with a result or an error. */
export const request = z.union([
  z.strictObject({ call, method: z.string(), input: z.unknown() }),
  z.strictObject({ call, cancel: z.literal(true) }),
]);
export type Request = z.infer<typeof request>;

/** Memory that the child has now. */
const residentBytes = z.int().optional();

/** From the child, under the number of the call. */
export const reply = z.union([
  z.strictObject({ call, update: z.unknown() }),
  z.strictObject({ call, result: z.unknown(), residentBytes }),
  z.strictObject({ call, error: errorFacts, residentBytes }),
]);
export type Reply = z.infer<typeof reply>;

const seconds = z.number().nonnegative();

/** From the child now and then, for no call: the delay of its event loop since the last one. */
export const loopReport = z.strictObject({
  loopDelay: z.strictObject({ mean: seconds, p99: seconds, max: seconds }),
});
export type LoopReport = z.infer<typeof loopReport>;

/** Made once: zod compiles what it reads objects with. */
const ofCall = z.looseObject({ call });

/** The number of the call that a message belongs to, also where the rest of it cannot be read. */
export function callOf(message: unknown): number | undefined {
  return ofCall.safeParse(message).data?.call;
}
