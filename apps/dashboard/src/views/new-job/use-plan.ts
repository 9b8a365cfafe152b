/** The plan of a job while its form is filled in. */
import { keepPreviousData, skipToken, useQuery } from '@tanstack/react-query';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { PlanObject } from '#contracts/http/plans.js';
import { jobsClient } from '../../api/jobs-client.js';
import { useSettled } from '../../api/use-settled.js';

export interface Planned {
  /** The newest plan, of this request unless `isOld`; null without data and after a refusal. */
  readonly plan: PlanObject | null;
  readonly isOld: boolean;
  readonly error: Error | null;
}

/** After the last change of the form. */
const planAfterMs = 400;

/** Asks for the plan of a request once the form has not changed for a moment. */
export function usePlan(body: JobCreate): Planned {
  const text = JSON.stringify(body);
  const settled = useSettled(text, planAfterMs);
  const asked = JSON.parse(settled) as JobCreate;
  const { data, error, isPlaceholderData, isFetching } = useQuery({
    queryKey: ['plan', settled],
    queryFn: isComplete(asked) ? ({ signal }) => jobsClient.plan(asked, { signal }) : skipToken,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  });
  if (!isComplete(body)) return { plan: null, isOld: false, error: null };
  const isOld = settled !== text || isPlaceholderData || isFetching;
  return { plan: error === null ? (data ?? null) : null, isOld, error };
}

function isComplete({ model, training_file: file }: JobCreate): boolean {
  return model !== '' && file !== '';
}
