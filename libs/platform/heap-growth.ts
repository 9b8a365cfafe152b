/** How much garbage a process of the service lets lie. */
import { setFlagsFromString } from 'node:v8';

/** Of what is alive, garbage that may come before the next collection of everything. */
const garbagePercent = 50;

/**
 * Keeps the garbage of this process small. On a machine with much memory V8 lets it grow to three times of what is alive
 * before it collects all of it, and large bodies leave that much in seconds; the memory is there for trainings. To collect
 * more often costs some 20 ms each time.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${garbagePercent}`);
}
