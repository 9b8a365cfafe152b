/** A repetition whose number of rounds is known only when the step runs; no gradient passes through it. */
import { LowrankError } from '#base/errors.js';
import { pad, type Tensor, scalar, stack, tidy, zeros } from '#jit/ops.js';
import { activeTracer, tensorOf, valueOf } from '#jit/tracing.js';

/** What one round gives back: the next carried values, and the slices to stack. */
export interface Round {
  readonly carried: readonly Tensor[];
  readonly stacked: readonly Tensor[];
}

/**
 * Runs `body(round, carried)` `rounds` times and returns the carried values after the last one, and the slices of
 * every round stacked along a new first axis of size `most`, with zeros for the rounds that did not run.
 *
 * `rounds` is an int32 scalar tensor with a value from 0 to `most`. The body may use tensors from outside.
 */
export function loop(
  rounds: Tensor,
  most: number,
  carried: readonly Tensor[],
  body: (round: Tensor, carried: Tensor[]) => Round,
): Round {
  return activeTracer() ? recordLoop(rounds, most, carried, body) : runLoop(rounds, most, carried, body);
}

function recordLoop(
  rounds: Tensor,
  most: number,
  carried: readonly Tensor[],
  body: (round: Tensor, carried: Tensor[]) => Round,
): Round {
  const tracer = activeTracer()!;
  const initial = carried.map(valueOf);
  const traced = tracer.recordBody([{ shape: [], dtype: 'int32' }, ...initial], ([round, ...values]) => {
    const result = body(tensorOf(round!), values.map(tensorOf));
    return [...result.carried, ...result.stacked].map(valueOf);
  });
  const stacked = traced.results
    .slice(initial.length)
    .map(({ shape, dtype }) => ({ shape: [most, ...shape], dtype }));
  const results = tracer.record(
    'Loop',
    [valueOf(rounds), ...initial],
    [...initial, ...stacked],
    { most },
    traced,
  );
  const tensors = results.map(tensorOf);
  return { carried: tensors.slice(0, initial.length), stacked: tensors.slice(initial.length) };
}

function runLoop(
  rounds: Tensor,
  most: number,
  initial: readonly Tensor[],
  body: (round: Tensor, carried: Tensor[]) => Round,
): Round {
  const count = rounds.dataSync()[0] ?? 0;
  if (count > most) {
    throw new LowrankError('loop_too_long', `a loop was asked for ${count} rounds but was built for ${most}`);
  }
  let carried = [...initial];
  const slices: Tensor[][] = [];
  for (let i = 0; i < count; i++) {
    const round = body(scalar(i, 'int32'), carried);
    carried = [...round.carried];
    slices.push([...round.stacked]);
  }
  if (slices.length === 0) {
    // One round tells the shapes; its numbers are thrown away.
    const shapes = tidy(
      () => body(scalar(0, 'int32'), [...initial]).stacked.map(({ shape }) => shape) as never,
    ) as number[][];
    return { carried, stacked: shapes.map((shape) => zeros([most, ...shape])) };
  }
  const stacked = slices[0]!.map((_, s) => {
    const filled = stack(slices.map((round) => round[s]!));
    const rest: [number, number][] = filled.shape.map((_, axis) => [0, axis === 0 ? most - count : 0]);
    return pad(filled, rest);
  });
  return { carried, stacked };
}
