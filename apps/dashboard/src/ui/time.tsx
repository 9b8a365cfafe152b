/** How long ago something was; the exact time stands beside the pointer. */
import { ago, time } from '../format.js';
import { useClock } from './clock.js';

export function Ago({ at }: { readonly at: number }) {
  const now = useClock();
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={time(at)}>
      {ago(now - at)}
    </time>
  );
}
