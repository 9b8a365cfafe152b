import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import type { TrainerMessage } from '#contracts/trainer-calls.js';
import { TerminalReporter } from './terminal-reporter.js';

async function shown(messages: readonly TrainerMessage[], isTTY: boolean, json = false): Promise<string> {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120 });
  const reporter = new TerminalReporter(stream as unknown as WriteStream, { json });
  for (const message of messages) reporter.report(message);
  await reporter.close();
  return String(stream.read());
}

const step: TrainerMessage = {
  type: 'step',
  step: 5,
  epoch: 0.1,
  loss: 2,
  accuracy: 0.5,
  grad_norm: 1,
  learning_rate: 0.1,
  tokens: 100,
  loss_tokens: 50,
  tokens_per_second: 812.4,
};
const messages: TrainerMessage[] = [
  { type: 'progress', stage: 'data', done: 1, total: 4 },
  { type: 'started', step: 0, total_steps: 10, resumed_from: null },
  step,
  { type: 'warning', code: 'w', message: 'careful' },
  { type: 'cancelled' },
];

test('a pipe gets plain lines', async () => {
  expect(await shown(messages, false)).toBe(
    'step 5/10 loss 2.0000 accuracy 0.500 grad_norm 1.00 learning_rate 0.100 812 tokens/s\nwarning: careful\ncancelled\n',
  );
});

test('a terminal gets a bar that lines go above, and none at the end', async () => {
  const text = await shown(messages, true);
  expect(text).toContain('preparing data 25%');
  expect(text).toContain('[############............] 5/10 loss 2.000 812 tokens/s');
  expect(text).toContain('\r\u001b[2Kwarning: careful\n[#');
  expect(text.endsWith('\r\u001b[2Kcancelled\n')).toBe(true);
});

test('with --json the last line is the end as JSON', async () => {
  const error = { code: 'disk_full', message: 'no room', details: {} } as const;
  const text = await shown([{ type: 'failed', error }], false, true);
  expect(JSON.parse(text.trim().split('\n').at(-1)!)).toEqual({ status: 'failed', error });
});
