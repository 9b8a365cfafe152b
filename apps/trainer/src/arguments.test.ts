import { expect, test } from 'vitest';
import { parseArguments } from './arguments.js';

test('a job file and its flags', () => {
  expect(parseArguments(['job.json', '--resume'])).toEqual({
    jobFile: 'job.json',
    resume: true,
    json: false,
  });
  expect(parseArguments(['--wait'])).toMatchObject({ jobFile: undefined });
  expect(parseArguments(['--help'])).toBe('help');
});

test.each([[[]], [['a.json', 'b.json']], [['job.json', '--verbose']], [['job.json', '--wait']]])(
  '%j is refused with the usage',
  (args) => {
    expect(() => parseArguments(args)).toThrow(/Usage: node main.js JOB.json/);
  },
);
