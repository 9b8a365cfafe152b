/** Runs with their curves, read until they are over. */
import { useQueries } from '@tanstack/react-query';
import { useEffect, useReducer, useState } from 'react';
import { waitFor } from '#base/wait.js';
import { isTemporary } from '#client/errors.js';
import { isOver } from '#client/job-reader.js';
import type { JobObject } from '#contracts/http/jobs.js';
import { jobsClient } from '../../api/jobs-client.js';
import { jobQuery } from '../../api/jobs.js';
import { JobCurves } from '../../charts/curves.js';

const lookEveryMs = 3000;
/** Few requests for a long history, and none that holds up the page while it is parsed. */
const metricsAtOnce = 5000;

export interface RunState {
  readonly id: string;
  /** Undefined until it is read. */
  readonly job: JobObject | undefined;
  readonly curves: JobCurves;
  readonly error: Error | null;
}

export function useRuns(ids: readonly string[]): readonly RunState[] {
  const jobs = useQueries({
    queries: ids.map((id) => ({
      ...jobQuery(id),
      refetchInterval: ({ state }: { state: { data?: JobObject | undefined } }) =>
        state.data && !isOver(state.data) ? lookEveryMs : false,
    })),
  });
  const [, showMore] = useReducer((count: number) => count + 1, 0);
  const [read] = useState(() => new Map<string, { curves: JobCurves; error: Error | null }>());
  const entry = (id: string) => {
    const known = read.get(id) ?? { curves: new JobCurves(), error: null };
    read.set(id, known);
    return known;
  };
  const named = ids.join(',');
  useEffect(() => {
    const stopping = new AbortController();
    const { signal } = stopping;
    for (const id of named === '' ? [] : named.split(',')) {
      const own = entry(id);
      own.error = null;
      readCurves(id, own.curves, showMore, signal).catch((error: unknown) => {
        if (signal.aborted) return;
        own.error = error as Error;
        showMore();
      });
    }
    return () => stopping.abort();
    // The entries stay the same for as long as the view is open.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [named]);
  return ids.map((id, i) => {
    const { curves, error } = entry(id);
    return { id, job: jobs[i]?.data, curves, error: jobs[i]?.error ?? error };
  });
}

/** Reads what is there, and then what comes until the job is over. Curves keep the first of a step that is told twice. */
async function readCurves(
  id: string,
  curves: JobCurves,
  onMore: () => void,
  signal: AbortSignal,
): Promise<void> {
  let after: string | undefined;
  let wasOver = isOver(await jobsClient.get(id, { signal }));
  for (;;) {
    try {
      const query = { limit: metricsAtOnce, ...(after !== undefined && { after }) };
      const page = await jobsClient.metricsPage(id, query, { signal });
      for (const metric of page.data) curves.add(metric);
      after = page.last_id ?? after;
      if (page.data.length > 0) onMore();
      if (page.has_more) continue;
      if (wasOver) return;
      await waitFor(lookEveryMs, signal);
      // Its last steps may have come after the page was read: it is read once more.
      wasOver = isOver(await jobsClient.get(id, { signal }));
    } catch (error) {
      if (signal.aborted || !isTemporary(error)) throw error;
      await waitFor(lookEveryMs, signal);
    }
  }
}
