/** One job, followed for as long as its page is open. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import { type JobAction, JobFeed, type JobFeedState } from './job-feed.js';
import { checkpointList, jobQuery, jobsKey, showJob } from './jobs.js';

export interface FollowedJob extends JobFeedState {
  /** Undefined until it is read. */
  readonly job: JobObject | undefined;
  readonly act: (action: JobAction) => void;
  /** Why the last action was refused. */
  readonly refusal: Error | null;
}

/** What the stream tells stands in the cache, where other views find it. */
export function useJob(id: string): FollowedJob {
  const queries = useQueryClient();
  const feed = useMemo(() => {
    const onCheckpoints = () => void queries.invalidateQueries({ queryKey: checkpointList(id).key });
    return new JobFeed(id, { onJob: showJob, onCheckpoints });
  }, [id, queries]);
  useEffect(() => {
    void feed.run();
    return () => feed.stop();
  }, [feed]);
  const state = useSyncExternalStore(feed.subscribe, () => feed.state);
  // The feed reads it.
  const { data: job } = useQuery({ ...jobQuery(id), enabled: false });
  const { mutate: act, error: refusal } = useMutation({
    mutationFn: (action: JobAction) => feed.act(action),
    onSuccess: () => queries.invalidateQueries({ queryKey: jobsKey, refetchType: 'none' }),
  });
  return { ...state, job, act, refusal };
}
