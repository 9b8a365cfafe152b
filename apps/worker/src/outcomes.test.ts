import { describe, expect, test } from 'vitest';
import { InputError } from './input-files.js';
import { outcomeOfEnd, outcomeOfError, outcomeOfMemory } from './outcomes.js';

const error = { code: 'trainer_crashed', message: 'y' } as const;

describe('the end of a trainer', () => {
  test.each([
    ['that failed', { kind: 'failed', error }, 'go on', 'failed'],
    ['that failed while it was cancelled', { kind: 'failed', error }, 'cancel', 'failed'],
    ['that stopped as it was told', { kind: 'cancelled' }, 'cancel', 'cancelled'],
    ['that stopped for a pause', { kind: 'cancelled' }, 'pause', 'paused'],
    ['that stopped because the worker stops', { kind: 'cancelled' }, 'hand over', 'handed_over'],
    ['that somebody stopped', { kind: 'cancelled' }, 'go on', 'handed_over'],
    ['that had to be killed to cancel it', { kind: 'killed', error }, 'cancel', 'cancelled'],
    ['that had to be killed because the worker stops', { kind: 'killed', error }, 'hand over', 'handed_over'],
    ['that somebody killed', { kind: 'killed', error }, 'go on', 'lost'],
  ] as const)('%s', (_, end, action, expected) => expect(outcomeOfEnd(end, action).end).toBe(expected));
});

test('what the job names and is not there is named with its field; anything else is a bug', () => {
  const missing = new InputError('file_not_found', 'training_file', 'is gone');
  expect(outcomeOfError(missing)).toMatchObject({
    error: { code: 'file_not_found', param: 'training_file' },
  });
  expect(outcomeOfError(new TypeError('oops'))).toMatchObject({
    error: { code: 'internal_error', message: 'oops', param: null },
  });
});

test('too little memory is told with what to do', () => {
  expect(outcomeOfMemory(2e9, 1e9)).toMatchObject({
    error: { code: 'out_of_memory_predicted', message: expect.stringContaining('2,000 MB') as string },
  });
});
