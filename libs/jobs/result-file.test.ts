import { expect, test } from 'vitest';
import { stepTable } from '#jobs/result-file.js';
import { declarations } from '#training/objectives/declared/registry.js';

const checkpointMetrics = (type: string) => declarations.find((one) => one.type === type)!.checkpointMetrics;

test('a table of supervised steps has the columns of OpenAI', () => {
  const [header] = stepTable(checkpointMetrics('supervised'), []).split('\n');
  expect(header).toBe('step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy');
});

test('what another objective measures stands in columns of its own, ordered by steps', () => {
  const metrics = [
    { step: 10, kind: 'step', values: { loss: 0.5, accuracy: 1, margin: 0.25 } },
    { step: 9, kind: 'evaluation', values: { loss: 0.75, accuracy: 0.5, margin: 0.125 } },
  ] as const;
  expect(stepTable(checkpointMetrics('dpo'), metrics)).toBe(
    'step,train_loss,train_accuracy,valid_loss,valid_reward_accuracy,train_reward_margin,valid_reward_margin\n' +
      '9,,,0.75,0.5,,0.125\n10,0.5,1,,,0.25,\n',
  );
});
