/** Runs every golden case of a folder (LOWRANK_FIXTURES, or the repository's own) and says how far off each was. */
import '@tensorflow/tfjs-backend-cpu';
import { resolve } from 'node:path';
import { UnsupportedError } from '#base/errors.js';
import { goldenCases } from './registry.js';

const root = resolve(process.env['LOWRANK_FIXTURES'] ?? 'test/fixtures');
let passed = 0;
const failed: string[] = [];
const refused: string[] = [];

for (const { name, run } of goldenCases(root)) {
  try {
    const { largestError } = await run();
    passed += 1;
    console.log(`${name}: largest error ${largestError.toExponential(1)}`);
  } catch (error) {
    const { message } = error as Error;
    (error instanceof UnsupportedError ? refused : failed).push(name);
    console.log(`${name}: ${error instanceof UnsupportedError ? 'refused' : 'FAILED'}, ${message}`);
  }
}
console.log(
  `golden: ${passed} passed, ${failed.length} failed, ${refused.length} refused: ${refused.join(', ')}`,
);
process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0;
