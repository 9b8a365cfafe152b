/** What the API asks the process that measures compositions, and what it hears from it. */
import { z } from 'zod';
import { compositionForm } from '#contracts/bake-messages.js';
import { compositionReport } from '#contracts/composition-report.js';
import { errorFacts } from '#contracts/error-facts.js';

/** Every request but `stop` has one answer, under its number. */
export const previewRequest = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('measure'),
    id: z.int(),
    /** What later reports call these members. */
    key: z.string(),
    members: z.array(z.object({ name: z.string(), folder: z.string(), base: z.string() })),
  }),
  z.object({
    type: z.literal('report'),
    id: z.int(),
    key: z.string(),
    form: compositionForm,
    /** One for each member, in their order. */
    weights: z.array(z.number()),
  }),
  /** Ends the measuring that has this number. */
  z.object({ type: z.literal('stop'), id: z.int() }),
]);
export type PreviewRequest = z.infer<typeof previewRequest>;

export const previewAnswer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('measured'), id: z.int() }),
  /** `report` is null where the members have to be measured first. */
  z.object({ type: z.literal('report'), id: z.int(), report: compositionReport.nullable() }),
  z.object({ type: z.literal('failed'), id: z.int(), error: errorFacts }),
]);
export type PreviewAnswer = z.infer<typeof previewAnswer>;
