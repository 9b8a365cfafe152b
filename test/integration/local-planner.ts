/** What plans, without a process of its own: tests of the API need no build. Messages cross as JSON all the same. */
import { errorOf, factsOf } from '#base/errors.js';
import type { Methods } from '#contracts/process-calls.js';
import type { Handlers } from '#contracts/serve-calls.js';
import { plannerMethods } from '#jobs/planner-calls.js';
import type { StartPlanner } from '../../apps/api/src/planner/planner-process.js';
import { plannerHandlers } from '../../apps/planner/src/handlers.js';

const crossed = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

export const localPlanner: StartPlanner = () => {
  const handlers = plannerHandlers() as unknown as Handlers<Methods>;
  const methods: Methods = plannerMethods;
  return {
    hold: () => ({ [Symbol.dispose]: () => undefined }),
    end: () => Promise.resolve(),
    client: () => ({
      call: async (name, input, options) => {
        const signal = options?.signal ?? new AbortController().signal;
        signal.throwIfAborted();
        try {
          const parsed = methods[name]!.input.parse(crossed(input));
          const result = await handlers[name]!(parsed, { signal, update: () => undefined });
          return methods[name]!.result.parse(crossed(result)) as never;
        } catch (error) {
          signal.throwIfAborted();
          throw errorOf(crossed(factsOf(error)) as ReturnType<typeof factsOf>);
        }
      },
    }),
  };
};
