import { z } from 'zod';
import { anyValue } from '#base/bounded-schemas.js';
import { quote } from '#base/quote.js';

/**
 * Options of PEFT 0.21 that are not done here, with the values under which they do nothing; null where every value does
 * nothing without another of these options.
 */
export const unsupportedOptions: Readonly<Record<string, readonly unknown[] | null>> = {
  alora_invocation_tokens: [null],
  arrow_config: [null],
  corda_config: [null],
  ensure_weight_tying: [false],
  eva_config: [null],
  kasa_config: [null],
  layer_replication: [null],
  loftq_config: [null, {}],
  lora_ga_config: [null],
  megatron_config: [null],
  megatron_core: null,
  monteclora_config: [null],
  qalora_group_size: null,
  runtime_config: null,
  target_parameters: [null, []],
  trainable_token_indices: [null],
  use_bdlora: [null],
  use_qalora: [false],
  velora_config: [null],
};

/** Marks an issue of zod as something that is not done, rather than wrong. */
export const unsupported = { params: { unsupported: true } };

/** Their fields in a configuration: each refused unless it does nothing. */
export const refusals = Object.fromEntries(
  Object.entries(unsupportedOptions).map(([option, harmless]) => [
    option,
    harmless === null
      ? anyValue().optional()
      : z
          .unknown()
          .optional()
          .refine(
            (value) => value === undefined || harmless.some((idle) => JSON.stringify(idle) === quote(value)),
            unsupported,
          )
          .meta({ enum: [...harmless] }),
  ]),
);
