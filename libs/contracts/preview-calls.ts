/** What the API asks of the process that measures compositions. */
import { z } from 'zod';
import { compositionForm } from '#contracts/composition-form.js';
import { compositionReport } from '#contracts/composition-report.js';
import { memberFolder } from '#contracts/member-folder.js';
import type { Methods } from '#contracts/process-calls.js';

const nothing = z.null();

export const previewMethods = {
  /** Reads members and keeps their sum under a key. */
  measure: {
    input: z.object({
      /** What later reports call these members. */
      key: z.string(),
      /** Their weights come with the reports. */
      members: z.array(memberFolder),
    }),
    update: z.never(),
    result: nothing,
  },
  /** What a form keeps of the sum under a key; null where the members have to be measured first. */
  report: {
    input: z.object({
      key: z.string(),
      form: compositionForm,
      /** One for each member, in their order. */
      weights: z.array(z.number()),
    }),
    update: z.never(),
    result: compositionReport.nullable(),
  },
} satisfies Methods;
