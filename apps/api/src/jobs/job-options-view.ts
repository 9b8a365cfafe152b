/** What a job was asked to be and what that means, as jobs and plans show it. */
import type { RequestedObject, ResolvedObject } from '#contracts/http/job-options.js';
import type { RequestedOptions, ResolvedOptions } from '#training/resolved-options.js';

export function viewRequested({
  training,
  lora,
  device,
  seed,
  learningRateMultiplier,
}: RequestedOptions): RequestedObject {
  return { training, lora, device, seed, learning_rate_multiplier: learningRateMultiplier };
}

/** What the first worker is still to decide is null. */
export function viewResolved({ training, lora, device, reasons, chosen }: ResolvedOptions): ResolvedObject {
  const { max_steps } = training;
  const { seed, device: _, ...options } = { ...training, ...chosen, max_steps };
  const known = new Map<string, unknown>(reasons.map(({ option, value }) => [option, value]));
  const values = Object.entries<unknown>(options).map(([option, value]) =>
    value === 'auto' || value === null ? [option, known.get(option) ?? null] : [option, value],
  );
  return {
    training: Object.fromEntries(values) as Record<string, unknown>,
    lora,
    device: device === 'auto' ? null : device,
    seed,
    reasons: reasons.map(({ option, value, reason, source }) => ({ option, value, reason, source })),
  };
}
