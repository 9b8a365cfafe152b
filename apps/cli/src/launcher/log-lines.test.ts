import { expect, test } from 'vitest';
import { LogPrinter } from './log-lines.js';

function printer(json: boolean, colour = false) {
  const lines: string[] = [];
  return { lines, printer: new LogPrinter({ json, colour, write: (line) => lines.push(line) }) };
}

const record = {
  level: 40,
  time: 0,
  pid: 7,
  hostname: 'h',
  msg: 'slow',
  job: 'ftjob-1',
  req: { method: 'GET', url: '/' },
};

test('a line of JSON that comes in pieces is written as one line for people', () => {
  const { lines, printer: log } = printer(false);
  const receive = log.receiver('api');
  const text = `${JSON.stringify(record)}\n`;
  receive(text.slice(0, 9));
  expect(lines).toEqual([]);
  receive(text.slice(9));
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d api {6}warn {2}slow job=ftjob-1 req=GET \/$/),
  ]);
});

test('errors are shown with their stack', () => {
  const { lines, printer: log } = printer(false);
  log.receiver('worker')(
    `${JSON.stringify({ level: 'error', time: '2026-01-01T00:00:00.000Z', msg: 'broken', err: { message: 'm', stack: 'Error: m\n  at x' } })}\n`,
  );
  expect(lines[0]).toContain('error broken err=Error: m\n  at x');
});

test('for programs each line is JSON that says whose it is, other text too', () => {
  const { lines, printer: log } = printer(true);
  log.receiver('api')(`${JSON.stringify(record)}\nplain\n`);
  log.say('error', 'no more');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { name: 'api', ...record },
    { name: 'api', level: 'info', msg: 'plain' },
    { name: 'launcher', level: 'error', msg: 'no more' },
  ]);
});

test('the last lines of a process are kept without colours', () => {
  const { printer: log } = printer(false, true);
  for (let i = 0; i < 30; i++) log.receiver('api')(`line ${i}\n`);
  const kept = log.lastWords('api').split('\n');
  expect(kept).toHaveLength(20);
  expect(kept.at(-1)).toMatch(/line 29$/);
  expect(kept.join('')).not.toContain('\u001b');
  log.receiver('api')(`${JSON.stringify({ level: 'fatal', msg: 'the reason' })}\n`);
  expect(log.lastWords('api')).toBe('the reason');
});
