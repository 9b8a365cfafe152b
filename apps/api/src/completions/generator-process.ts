/** The process that answers prompts, as the API starts it: this process never loads the engine. */
import { LowrankError } from '#base/errors.js';
import { generatorMethods } from '#contracts/generator-calls.js';
import type { Log } from '#platform/log.js';
import { howEnded, type ProcessSettings } from '#platform/process-client.js';
import { trainingEnvironment } from '#runtime/process-environment.js';

export interface GeneratorSettings {
  /** The compiled entry of apps/generator. */
  readonly main: string;
  readonly cacheFolder: string;
  /** Of the process's own memory; beyond it, models that wait for their next prompt are let go. */
  readonly memoryBytes: number;
}

/** Its calls fail with `generator_died` if it ends before. */
export function generatorProcess(
  { main, cacheFolder, memoryBytes }: GeneratorSettings,
  log: Log,
): ProcessSettings<typeof generatorMethods> {
  return {
    methods: generatorMethods,
    name: 'generator',
    isAwaited: true,
    main,
    args: [cacheFolder, String(memoryBytes)],
    environment: trainingEnvironment,
    log,
    died: (exit) => {
      log.warn({ output: exit.output }, `the process that answers prompts ended ${howEnded(exit)}`);
      return new LowrankError(
        'generator_died',
        `the process that answers prompts ended ${howEnded(exit)}, perhaps for lack of memory: ask again, which starts a new one`,
      );
    },
  };
}
