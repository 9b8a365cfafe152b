import { z } from 'zod';
import { declareVariant } from '#lora/variants/declared/declaration.js';

export const outputDropoutDeclaration = declareVariant({
  option: 'lora_dropout_on',
  fields: { lora_dropout_on: z.enum(['input', 'output']).default('input') },
  fixes: { lora_dropout_on: 'give "input" or "output"' },
  // There it is always the input.
  isOfPeft: false,
  isAsked: ({ lora_dropout_on }) => lora_dropout_on === 'output',
  rules: [
    {
      problem: 'has no effect without lora_dropout',
      fix: 'give lora_dropout too, or neither',
      isBroken: ({ lora_dropout_on, lora_dropout }) => lora_dropout_on === 'output' && lora_dropout === 0,
    },
  ],
});
