/** Calls that come close together, done as one: a statement for many rows costs little more than one for a single row. */

export interface GatherOptions {
  /** Runs at a time; calls that find as many gather for the next. More than one, so that a run that hangs holds up nobody. */
  readonly atOnce?: number;
  /** Calls in a run. */
  readonly most?: number;
}

interface Waiting<I, O> {
  readonly input: I;
  readonly resolve: (output: O) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A function that answers each call from a run that began after the call: at once if few run, else together with others.
 * `run` yields an output for each input, in their order. If a run of several fails, each is run alone, so that one that
 * cannot be done fails for itself.
 */
export function gathered<I, O>(
  run: (inputs: readonly I[]) => Promise<readonly O[]>,
  { atOnce = 2, most = 64 }: GatherOptions = {},
): (input: I) => Promise<O> {
  const waiting: Waiting<I, O>[] = [];
  let running = 0;

  async function settle(calls: readonly Waiting<I, O>[]): Promise<void> {
    try {
      const outputs = await run(calls.map(({ input }) => input));
      for (const [i, { resolve }] of calls.entries()) resolve(outputs[i]!);
    } catch (error) {
      if (calls.length === 1) calls[0]!.reject(error);
      else for (const call of calls) await settle([call]);
    }
  }

  function begin(): void {
    if (running >= atOnce || waiting.length === 0) return;
    running++;
    void settle(waiting.splice(0, most)).finally(() => {
      running--;
      begin();
    });
  }

  return (input) =>
    new Promise<O>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      begin();
    });
}
