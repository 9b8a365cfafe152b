/** One clock for everything on the page that tells how long ago something was. */
import { useSyncExternalStore } from 'react';

const tickMs = 5000;
const listeners = new Set<() => void>();
let now = Date.now() / 1000;
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now() / 1000;
    for (const each of listeners) each();
  }, tickMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Seconds since 1970, brought up to date every few seconds. */
export function useClock(): number {
  return useSyncExternalStore(subscribe, () => {
    if (timer === undefined) now = Date.now() / 1000;
    return now;
  });
}
