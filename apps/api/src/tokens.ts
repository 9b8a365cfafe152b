/** What the application is given from outside: the open `Platform`. */
export const PLATFORM = Symbol('platform');

/** The compiled entry of the process that answers prompts. */
export const GENERATOR_MAIN = Symbol('generator main');

/** Starts the process that plans, see planner/planner-process.ts. */
export const PLANNER = Symbol('planner');
