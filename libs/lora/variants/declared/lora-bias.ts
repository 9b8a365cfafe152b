import { z } from 'zod';
import { declareVariant } from '#lora/variants/declared/declaration.js';

export const loraBiasDeclaration = declareVariant({
  option: 'lora_bias',
  fields: { lora_bias: z.boolean().default(false) },
  fixes: { lora_bias: 'give true or false' },
  isOfPeft: true,
  isAsked: ({ lora_bias }) => lora_bias,
  rules: [
    {
      problem: 'needs init_lora_weights true or false',
      fix: 'leave init_lora_weights out',
      isBroken: ({ lora_bias, init_lora_weights: init }) => lora_bias && typeof init !== 'boolean',
    },
  ],
});
