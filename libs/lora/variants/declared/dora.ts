import { z } from 'zod';
import { declareVariant } from '#lora/variants/declared/declaration.js';

export const doraDeclaration = declareVariant({
  option: 'use_dora',
  fields: { use_dora: z.boolean().default(false) },
  fixes: { use_dora: 'give true or false' },
  isOfPeft: true,
  isAsked: ({ use_dora }) => use_dora,
});
