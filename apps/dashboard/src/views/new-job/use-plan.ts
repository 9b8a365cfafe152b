/** The plan of a job while its form is filled in. */
import { useEffect, useState } from 'react';
import type { JobCreate } from '#contracts/http/job-create.js';
import type { PlanObject } from '#contracts/http/plans.js';
import { post, type RequestError } from '../../api/http.js';

export interface Planned {
  /** The newest plan, of this request unless `isOld`; null without data and after a refusal. */
  readonly plan: PlanObject | null;
  readonly isOld: boolean;
  readonly error: RequestError | null;
}

/** After the last change of the form. */
const planAfterMs = 400;
const nothing: Omit<Planned, 'isOld'> = { plan: null, error: null };

/** Asks for the plan of a request when it has been left alone for a moment. */
export function usePlan(body: JobCreate): Planned {
  const [answer, setAnswer] = useState({ ...nothing, of: '' });
  const text = JSON.stringify(body);
  const isReady = body.model !== '' && body.training_file !== '';
  useEffect(() => {
    if (!isReady) return;
    const stopping = new AbortController();
    const { signal } = stopping;
    const ask = async () => {
      try {
        const plan = await post<PlanObject>('/v1/fine_tuning/plan', JSON.parse(text), { signal });
        setAnswer({ plan, error: null, of: text });
      } catch (error) {
        if (!signal.aborted) setAnswer({ plan: null, error: error as RequestError, of: text });
      }
    };
    const timer = setTimeout(() => void ask(), planAfterMs);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [text, isReady]);
  return isReady ? { ...answer, isOld: answer.of !== text } : { ...nothing, isOld: false };
}
