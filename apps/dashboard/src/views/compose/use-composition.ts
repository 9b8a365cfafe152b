/** What the server tells of a composition while its sliders move. */
import { useEffect, useMemo, useState } from 'react';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import type { CompositionCreate, CompositionPreview } from '#contracts/http/compositions.js';
import { post, type RequestError } from '../../api/http.js';
import { bodyOf, membersOf, type Recipe } from './compose-recipe.js';
import { type Stack, stackOf } from './compose-stack.js';

const askAfterMs = 120;

export interface Preview {
  readonly report: CompositionReportObject | null;
  readonly error: RequestError | null;
  /** Whether the report is that of an earlier recipe. */
  readonly isOld: boolean;
}

/** What does not depend on weights: read when a member comes or goes. */
export function useStack(recipe: Recipe): {
  readonly stack: Stack | null;
  readonly error: RequestError | null;
} {
  const { members } = recipe;
  // Powers of two tell which of the report's members is which: it has them by digest, equal ones as one.
  const told = membersOf(members.map((member, i) => ({ ...member, weight: 2 ** i })));
  const { report, error, isOld } = usePreview(members.length === 0 ? null : { members: told });
  const stack = useMemo(
    () => (report === null || isOld ? null : stackOf(report, members.length)),
    [report, isOld, members.length],
  );
  return { stack, error };
}

/** The report of a recipe; the one before stays until the new one is there. */
export function useReport(recipe: Recipe, isReady: boolean): Preview {
  const hasWeight = recipe.members.some(({ weight }) => weight !== 0);
  return usePreview(isReady && hasWeight ? bodyOf(recipe) : null);
}

function usePreview(body: CompositionCreate | null): Preview {
  const [answer, setAnswer] = useState<{
    text: string;
    report: CompositionReportObject | null;
    error: RequestError | null;
  }>();
  const text = body === null ? null : JSON.stringify({ ...body, preview: true });
  useEffect(() => {
    if (text === null) return;
    const stopping = new AbortController();
    const ask = async () => {
      try {
        const { report } = await post<CompositionPreview>('/v1/compositions', JSON.parse(text), {
          signal: stopping.signal,
        });
        setAnswer({ text, report, error: null });
      } catch (error) {
        if (!stopping.signal.aborted) setAnswer({ text, report: null, error: error as RequestError });
      }
    };
    const timer = setTimeout(() => void ask(), askAfterMs);
    return () => {
      clearTimeout(timer);
      stopping.abort();
    };
  }, [text]);
  if (text === null || answer === undefined) return { report: null, error: null, isOld: text !== null };
  return { report: answer.report, error: answer.error, isOld: answer.text !== text };
}
