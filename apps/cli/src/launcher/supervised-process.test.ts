import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isAlive } from '#platform/process-identity.js';
import { SupervisedProcess, waitUntilReady } from './supervised-process.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'supervised-'));
});
afterAll(() => rm(folder, { recursive: true }));

const living: SupervisedProcess[] = [];
afterEach(async () => {
  for (const child of living.splice(0)) await child.stop(AbortSignal.abort());
});

let files = 0;
/** A process that runs some lines of JavaScript, and what it wrote. */
async function stub(code: string, graceSeconds = 10) {
  const main = join(folder, `${files++}.mjs`);
  await writeFile(main, code);
  let output = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  const child = new SupervisedProcess({
    name: 'stub',
    main,
    environment: process.env,
    graceSeconds,
    onOutput: (text) => {
      output += text;
      for (const { text: wanted, resolve } of waiting) if (output.includes(wanted)) resolve();
    },
  });
  living.push(child);
  child.start();
  return {
    child,
    output: () => output,
    writes: (text: string) =>
      new Promise<void>((resolve) => {
        if (output.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}

const polite = `
  process.once('SIGTERM', () => { console.log('ending'); process.disconnect(); });
  process.on('disconnect', () => process.exit(0));
  console.log('up');
`;

test('a process that dies is started again, later each time', async () => {
  const { child } = await stub('process.exit(3)');
  const pauses: number[] = [];
  for (let i = 0; i < 3; i++) {
    const [end] = await once(child, 'died');
    expect(end).toMatchObject({ code: 3, signal: null });
    pauses.push((end as { pause: number }).pause);
  }
  expect(pauses).toEqual([0.25, 0.5, 1]);
});

test('a process that is killed from outside is started again under another number', async () => {
  const { child, writes } = await stub(polite);
  await writes('up');
  const before = child.pid!;
  const again = once(child, 'started');
  process.kill(before, 'SIGKILL');
  const [after] = await again;
  expect(after).not.toBe(before);
});

test('stopping lets a process end by itself and does not start it again', async () => {
  const { child, writes, output } = await stub(polite);
  await writes('up');
  let starts = 0;
  child.on('started', () => starts++);
  await child.stop();
  expect(output()).toContain('ending');
  expect(isAlive(child.pid!)).toBe(false);
  expect(starts).toBe(0);
});

test('a process that does not end within its grace is killed with what it started', async () => {
  const { child, writes, output } = await stub(
    `import { spawn } from 'node:child_process';
     process.on('SIGTERM', () => {});
     const inner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
     inner.once('spawn', () => console.log('inner ' + inner.pid));
     process.on('message', () => {});`,
    0.3,
  );
  await writes('inner ');
  await child.stop();
  const inner = Number(/inner (\d+)/.exec(output())![1]);
  await expect.poll(() => isAlive(inner)).toBe(false);
});

test('waiting for a process that cannot start gives its last output', async () => {
  const { child, output } = await stub(`console.error('the port is taken'); process.exit(1)`);
  const ready = waitUntilReady(child, {
    name: 'API',
    probe: () => Promise.resolve(false),
    seconds: 20,
    lastOutput: output,
  });
  await expect(ready).rejects.toMatchObject({
    code: 'start_failed',
    message: expect.stringContaining(
      'the API ended with code 1 while it started:\nthe port is taken',
    ) as unknown,
  });
});

test('waiting ends when the process is ready', async () => {
  const { child, output } = await stub(polite);
  const probe = () => Promise.resolve(output().includes('up'));
  await waitUntilReady(child, { name: 'stub', probe, seconds: 20, lastOutput: output });
  expect(output()).toContain('up');
});
