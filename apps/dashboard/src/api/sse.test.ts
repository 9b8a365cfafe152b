import { expect, test } from 'vitest';
import { EventParser } from './sse.js';

const text = ': still here\n\nevent: metric\nid: 1-2\ndata: {"a":1}\n\nevent: job\ndata: {}\n\n';

test('events are the same however the text is cut', () => {
  const whole = new EventParser().push(text);
  expect(whole).toEqual([
    { event: 'metric', id: '1-2', data: '{"a":1}' },
    { event: 'job', id: null, data: '{}' },
  ]);
  const parser = new EventParser();
  expect(text.split('').flatMap((letter) => parser.push(letter))).toEqual(whole);
});

test('an event that is cut off is not told', () => {
  expect(new EventParser().push(text.slice(0, -1))).toHaveLength(1);
});
