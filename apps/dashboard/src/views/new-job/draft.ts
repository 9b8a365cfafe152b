/** The form of a new job as it was left: it survives a reload and a closed tab. */
import type { JobCreate } from '#contracts/http/job-create.js';
import { type JobForm, newForm } from './job-form.js';

const name = 'lowrank-draft';

export interface Draft {
  readonly form: JobForm;
  /** What the form does not show, of a job that was cloned. */
  readonly base: Partial<JobCreate>;
}

export const emptyDraft: Draft = { form: newForm, base: {} };

export function readDraft(): Draft {
  try {
    const kept = JSON.parse(localStorage.getItem(name) ?? 'null') as Partial<Draft> | null;
    return { form: { ...newForm, ...kept?.form }, base: kept?.base ?? {} };
  } catch {
    return emptyDraft;
  }
}

export const keepDraft = (draft: Draft) => localStorage.setItem(name, JSON.stringify(draft));
export const forgetDraft = () => localStorage.removeItem(name);

export const isEmpty = (draft: Draft) => JSON.stringify(draft) === JSON.stringify(emptyDraft);
