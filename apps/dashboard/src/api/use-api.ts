import { useCallback, useEffect, useState } from 'react';
import { get, type RequestError } from './http.js';
import { readRepeatedly } from './read-repeatedly.js';

export interface Loaded<T> {
  readonly data: T | null;
  readonly error: RequestError | null;
  readonly reload: () => void;
}

/** Reads an address, and reads it again every `everyMs` while the page is looked at. */
export function useApi<T>(path: string | null, everyMs = 0): Loaded<T> {
  const [asked, setAsked] = useState({ path });
  // Another address is asked for at once; what the one before said is not shown for it.
  if (asked.path !== path) setAsked({ path });
  const [answer, setAnswer] = useState<{ path: string; data: T | null; error: RequestError | null }>();
  useEffect(() => {
    const { path: address } = asked;
    if (address === null) return;
    return readRepeatedly(everyMs, async (signal) => {
      try {
        const data = await get<T>(address, signal);
        setAnswer({ path: address, data, error: null });
      } catch (failure) {
        if (signal.aborted) return;
        const error = failure as RequestError;
        setAnswer((old) => ({ path: address, data: old?.path === address ? old.data : null, error }));
      }
    });
  }, [asked, everyMs]);
  const reload = useCallback(() => setAsked((old) => ({ ...old })), []);
  const { data = null, error = null } = answer?.path === path ? answer : {};
  return { data, error, reload };
}
