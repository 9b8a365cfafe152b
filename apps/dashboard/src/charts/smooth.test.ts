import { expect, test } from 'vitest';
import { SmoothedColumn } from './smooth.js';
import { StepTable } from './step-table.js';

function tableOf(losses: readonly (number | null)[]): StepTable {
  const table = new StepTable(['loss']);
  losses.forEach((loss, i) => table.add(2 * i, { loss }));
  return table;
}

const smoothed = (table: StepTable, weight: number) =>
  new SmoothedColumn(table, 'loss', weight).read().slice(0, table.length);

test('weight 0 changes nothing, a constant stays, and gaps stay gaps', () => {
  expect(smoothed(tableOf([1, 2]), 0)).toEqual(Float64Array.of(1, 2));
  const constant = smoothed(tableOf([2, null, 2, 2]), 0.9);
  expect(constant[1]).toBeNaN();
  for (const i of [0, 2, 3]) expect(constant[i]).toBeCloseTo(2, 12);
});

test('a curve that grows is smoothed as one that was there at once', () => {
  const losses = Array.from({ length: 3000 }, (_, i) => Math.sin(i));
  const table = new StepTable(['loss']);
  const growing = new SmoothedColumn(table, 'loss', 0.8);
  losses.forEach((loss, i) => {
    table.add(2 * i, { loss });
    if (i % 7 === 0) growing.read();
  });
  expect(growing.read().slice(0, table.length)).toEqual(smoothed(tableOf(losses), 0.8));
  table.add(5, { loss: 100 });
  expect(growing.read()[3]).toBe(smoothed(table, 0.8)[3]);
});
