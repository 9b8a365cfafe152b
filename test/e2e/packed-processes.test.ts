/** What is packed into dist/processes. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { processMain } from '#platform/program.js';

const run = promisify(execFile);
const asImport = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

/** What the trainer prints that is told nothing, with this module loaded before it. */
async function trainerWith(code: string): Promise<string> {
  const args = ['--import', asImport(code), processMain('trainer'), '--help'];
  return (await run(process.execPath, args)).stdout;
}

test('a trainer is ready after a few dozen modules, not hundreds', async () => {
  const hook = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(1, 'loaded ' + url + '\\n'); return next(url, context); }`;
  const printed = await trainerWith(
    `import { register } from 'node:module'; register(${JSON.stringify(asImport(hook))});`,
  );
  const loaded = printed.split('\n').filter((line) => line.startsWith('loaded file:'));
  expect(loaded.join('\n')).toContain('dist/processes/trainer.js');
  expect(loaded.length).toBeLessThan(50);
});

test('a stack trace of a packed process names the sources', async () => {
  const printed = await trainerWith(
    `const { log } = console; console.log = () => log(new Error('the usage was printed').stack);`,
  );
  expect(printed).toMatch(/at .*apps\/trainer\/src\/main\.ts:\d+/);
});
