import { expect, test } from 'vitest';
import { drawnPoints, joined } from './decimate.js';
import { StepTable } from './step-table.js';

const count = 100_000;
const spikes = [12_345, 77_777];

function spiked(): StepTable {
  const table = new StepTable(['loss']);
  for (let step = 1; step <= count; step++) {
    const loss = spikes.includes(step) ? 50 : step === 50_000 ? -50 : Math.sin(step / 500);
    table.add(step, { loss });
  }
  return table;
}

const draw = (table: StepTable, min: number, max: number, pixels = 600) =>
  drawnPoints(table, table.column('loss'), { min, max, pixels });

test('a long curve is drawn with at most two points a pixel, every spike among them', () => {
  const { steps, values } = draw(spiked(), 1, count);
  expect(steps.length).toBeLessThanOrEqual(2 * 602);
  expect(steps.length).toBeGreaterThan(600);
  expect(steps.toSorted((a, b) => a - b)).toEqual(steps);
  expect(new Set(steps).size).toBe(steps.length);
  for (const spike of spikes) expect(values[steps.indexOf(spike)]).toBe(50);
  expect(values[steps.indexOf(50_000)]).toBe(-50);
});

test('zoomed in, the points are all there and one more on each side', () => {
  const { steps } = draw(spiked(), 700.5, 1200);
  expect(steps).toEqual(Array.from({ length: 502 }, (_, i) => 700 + i));
});

test('a picture that is moved keeps the points that stay in it', () => {
  const table = spiked();
  const before = draw(table, 20_000, 80_000).steps.filter((step) => step > 21_000 && step < 79_000);
  const after = draw(table, 20_033, 80_033).steps.filter((step) => step > 21_000 && step < 79_000);
  expect(after).toEqual(before);
});

test('gaps are left out, and a window beside the curve has its nearest points', () => {
  const table = new StepTable(['loss']);
  for (let step = 1; step <= 10; step++) table.add(step, step % 2 === 0 ? {} : { loss: step });
  const odd = [1, 3, 5, 7, 9];
  expect(draw(table, 1, 10)).toEqual({ steps: odd, values: odd, isDense: false });
  expect(draw(table, 100, 200).steps).toEqual([]);
  expect(draw(new StepTable(['loss']), 0, 1).steps).toEqual([]);
});

test('lines of different steps share one axis', () => {
  expect(
    joined([
      { steps: [1, 2, 4], values: [10, 20, 40] },
      { steps: [0, 2], values: [5, 6] },
    ]),
  ).toEqual([
    [0, 1, 2, 4],
    [null, 10, 20, 40],
    [5, null, 6, null],
  ]);
});
