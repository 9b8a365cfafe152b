import { useEffect, useState, useSyncExternalStore } from 'react';
import type { JobObject } from '#contracts/http/jobs.js';
import { get, type RequestError } from './http.js';
import { JobFeed, type JobFeedState } from './job-feed.js';

export interface Loaded<T> {
  readonly data: T | null;
  readonly error: RequestError | null;
  readonly reload: () => void;
}

/** Reads an address, and reads it again every `everyMs` while the page is looked at. */
export function useApi<T>(path: string | null, everyMs = 0): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [error, setError] = useState<RequestError | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const stopping = new AbortController();
    const read = async () => {
      try {
        setData(await get<T>(path, stopping.signal));
        setError(null);
      } catch (failure) {
        if (!stopping.signal.aborted) setError(failure as RequestError);
      }
    };
    void read();
    const timer = everyMs > 0 ? setInterval(() => document.hidden || void read(), everyMs) : undefined;
    return () => {
      stopping.abort();
      clearInterval(timer);
    };
  }, [path, everyMs, turn]);
  return { data, error, reload: () => setTurn((n) => n + 1) };
}

/** Follows one job for as long as its page is open. */
export function useJob(id: string): JobFeedState & { show: (job: JobObject) => void } {
  const [feed, setFeed] = useState(() => new JobFeed(id));
  useEffect(() => {
    const following = new JobFeed(id);
    setFeed(following);
    void following.run();
    return () => following.stop();
  }, [id]);
  const state = useSyncExternalStore(feed.subscribe, () => feed.state);
  return { ...state, show: (job) => feed.show(job) };
}
