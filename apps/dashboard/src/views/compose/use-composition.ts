/** What the server tells of a composition while its sliders move. */
import { keepPreviousData, skipToken, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { CompositionReportObject } from '#contracts/composition-report.js';
import type { CompositionCreate } from '#contracts/http/compositions.js';
import { previewQuery } from '../../api/compositions.js';
import { useSettled } from '../../api/use-settled.js';
import { bodyOf, membersOf, type Recipe } from './compose-recipe.js';
import { type Stack, stackOf } from './compose-stack.js';

const askAfterMs = 120;

export interface Preview {
  readonly report: CompositionReportObject | null;
  readonly error: Error | null;
  /** Whether the report is that of an earlier recipe. */
  readonly isOld: boolean;
}

/** What does not depend on weights: read when a member comes or goes. */
export function useStack(recipe: Recipe): {
  readonly stack: Stack | null;
  readonly error: Error | null;
} {
  const { members } = recipe;
  // Powers of two tell which of the report's members is which: it has them by digest, equal ones as one.
  const distinct = membersOf(members.map((member, i) => ({ ...member, weight: 2 ** i })));
  const { report, error, isOld } = usePreview(members.length === 0 ? null : { members: distinct });
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

const nothing = '';

function usePreview(body: CompositionCreate | null): Preview {
  const text = body === null ? nothing : JSON.stringify(body);
  const settled = useSettled(text, askAfterMs);
  const query = previewQuery(
    settled === nothing ? { members: [] } : (JSON.parse(settled) as CompositionCreate),
  );
  const { data, error, isPlaceholderData, isPending } = useQuery({
    ...query,
    queryFn: settled === nothing ? skipToken : query.queryFn,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  });
  if (text === nothing) return { report: null, error: null, isOld: false };
  const isOld = settled !== text || isPlaceholderData || isPending;
  return { report: error === null ? (data ?? null) : null, error, isOld };
}
