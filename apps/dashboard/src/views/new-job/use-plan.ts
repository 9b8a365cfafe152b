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

/** So long nobody types. */
const planAfterMs = 400;

/** Asks for the plan of a request when it has been left alone for a moment. */
export function usePlan(body: JobCreate): Planned {
  const [state, setState] = useState<Planned & { readonly of: string }>({
    plan: null,
    isOld: false,
    error: null,
    of: '',
  });
  const text = JSON.stringify(body);
  const isReady = body.model !== '' && body.training_file !== '';
  useEffect(() => {
    if (!isReady) {
      setState({ plan: null, isOld: false, error: null, of: '' });
      return;
    }
    const stopping = new AbortController();
    const { signal } = stopping;
    const ask = async () => {
      try {
        const plan = await post<PlanObject>('/v1/fine_tuning/plan', JSON.parse(text), { signal });
        setState({ plan, isOld: false, error: null, of: text });
      } catch (error) {
        if (!signal.aborted) setState({ plan: null, isOld: false, error: error as RequestError, of: text });
      }
    };
    const timer = setTimeout(() => void ask(), planAfterMs);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [text, isReady]);
  return { ...state, isOld: isReady && state.of !== text };
}
