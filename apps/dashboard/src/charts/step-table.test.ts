import { expect, test } from 'vitest';
import { StepTable } from './step-table.js';

function tableOf(rows: readonly (readonly [number, number])[]): StepTable {
  const table = new StepTable(['loss']);
  for (const [step, loss] of rows) table.add(step, { loss });
  return table;
}

const rowsOf = (table: StepTable) =>
  Array.from({ length: table.length }, (_, row) => [table.steps[row], table.column('loss')[row]]);

test('a table holds every row while it grows', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => [i + 1, i / 2] as const);
  expect(rowsOf(tableOf(rows))).toEqual(rows);
});

test('a step that is there already stays as it is', () => {
  const table = tableOf([
    [1, 5],
    [2, 4],
  ]);
  expect(table.add(2, { loss: 9 })).toBe(false);
  expect(rowsOf(table)).toEqual([
    [1, 5],
    [2, 4],
  ]);
});

test('a row that comes late is put in its place, and says so', () => {
  const table = tableOf([
    [1, 5],
    [4, 4],
    [9, 3],
  ]);
  expect(table.revision).toBe(0);
  expect(table.add(3, {})).toBe(true);
  expect(table.revision).toBe(1);
  expect(rowsOf(table)).toEqual([
    [1, 5],
    [3, NaN],
    [4, 4],
    [9, 3],
  ]);
});

test.each([
  [0, 0, 0],
  [4, 1, 1],
  [5, 2, 1],
  [7, 2, 2],
  [9, 2, 2],
  [10, 3, 2],
])('rows are found from step %i on, and near it', (step, from, near) => {
  const table = tableOf([
    [1, 5],
    [4, 4],
    [9, 3],
  ]);
  expect([table.rowFrom(step), table.rowNear(step)]).toEqual([from, near]);
});

test('the last value is the newest that is there', () => {
  const table = tableOf([[1, 5]]);
  table.add(2, {});
  expect(table.last('loss')).toBe(5);
  expect(new StepTable(['loss']).last('loss')).toBeNaN();
  expect(new StepTable([]).rowNear(1)).toBe(-1);
});
