/**
 * Runs the quickstart's job over several seeds and says what it learned and what it forgot.
 *
 *     node dist/tools/check/quickstart-seeds.js [--seeds 1,2,3]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const result = z.object({ validation_loss_before: z.number(), validation_loss_after: z.number() });
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1,2,3' } } });
const home = mkdtempSync(join(tmpdir(), 'quickstart-'));

/** By how much the loss on a text changes, as a share of the loss before. */
function change(seed: string, name: string): number {
  const text = execFileSync(
    process.execPath,
    [
      'dist/apps/cli/src/quickstart/main.js',
      '--json',
      '--seed',
      seed,
      '--validation',
      `examples/quickstart/${name}.jsonl`,
    ],
    { encoding: 'utf8', env: { ...process.env, LOWRANK_HOME: home } },
  );
  const { validation_loss_before: before, validation_loss_after: after } = result.parse(
    JSON.parse(text.trimEnd().split('\n').at(-1)!),
  );
  console.log(`seed ${seed}, ${name}: ${before.toFixed(4)} to ${after.toFixed(4)}`);
  return after / before - 1;
}

try {
  const rows = values.seeds.split(',').map((seed) => ({
    learned: change(seed, 'validation'),
    forgot: change(seed, 'control'),
  }));
  const learned = Math.max(...rows.map((row) => row.learned));
  const forgot = Math.max(...rows.map((row) => row.forgot));
  console.log(
    `validation ${(100 * learned).toFixed(1)}% at worst, control ${(100 * forgot).toFixed(1)}% at worst`,
  );
  process.exitCode = learned <= -0.15 && forgot <= 0.05 ? 0 : 1;
} finally {
  rmSync(home, { recursive: true });
}
