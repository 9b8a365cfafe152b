/**
 * Measures how fast this machine trains and writes it as a line of JSON. Argument: a folder for models of random weights.
 * A process of its own, since training blocks its thread. See `#jobs/machine-speed.js`.
 */
import { availableParallelism, setPriority } from 'node:os';
import { measureMachine } from '#training/speed/machine-speed.js';

// Whoever waits for a job comes first.
setPriority(5);
const [scratchFolder = ''] = process.argv.slice(2);
const speed = await measureMachine({ scratchFolder, threads: availableParallelism() });
console.log(JSON.stringify(speed));
