import { expect, test } from 'vitest';
import { parseArguments } from './arguments.js';

test('a job file and its flags', () => {
  expect(parseArguments(['job.json', '--resume'])).toEqual({
    jobFile: 'job.json',
    resume: true,
    json: false,
    graph: false,
  });
  expect(parseArguments(['job.json', '--graph'])).toMatchObject({ jobFile: 'job.json', graph: true });
  expect(parseArguments(['--wait'])).toMatchObject({ jobFile: undefined });
  expect(parseArguments(['--help'])).toBe('help');
});

test.each([
  [[]],
  [['a.json', 'b.json']],
  [['job.json', '--verbose']],
  [['job.json', '--wait']],
  [['job.json', '--graph', '--resume']],
])('%j is refused with the usage', (args) => {
  expect(() => parseArguments(args)).toThrow(/Usage: node main.js JOB.json/);
});
