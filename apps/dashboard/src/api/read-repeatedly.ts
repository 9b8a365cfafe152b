/** Reads now, and again every `everyMs` (0: never) while the page is looked at and no read is under way. */
export function readRepeatedly(everyMs: number, read: (signal: AbortSignal) => Promise<void>): () => void {
  const stopping = new AbortController();
  let isReading = false;
  const turn = async () => {
    if (isReading) return;
    isReading = true;
    await read(stopping.signal);
    isReading = false;
  };
  void turn();
  const timer = everyMs > 0 ? setInterval(() => document.hidden || void turn(), everyMs) : undefined;
  return () => {
    stopping.abort();
    clearInterval(timer);
  };
}
