import { expect, test } from 'vitest';
import { Viewport } from './viewport.js';

function viewport(): Viewport {
  const made = new Viewport();
  made.setExtent(1, 1001);
  return made;
}

test('all steps are shown as they come, a part stays where it is', () => {
  const view = viewport();
  expect(view.range).toEqual({ min: 1, max: 1001 });
  view.setExtent(1, 2001);
  expect(view.range.max).toBe(2001);
  view.show({ min: 101, max: 201 });
  view.setExtent(1, 3001);
  expect(view.range).toEqual({ min: 101, max: 201 });
  expect(view.showsAll()).toBe(false);
});

test('nothing moves beyond the ends, and the width stays', () => {
  const view = viewport();
  view.show({ min: 101, max: 201 });
  view.pan(-500);
  expect(view.range).toEqual({ min: 1, max: 101 });
  view.pan(5000);
  expect(view.range).toEqual({ min: 901, max: 1001 });
});

test('zooming keeps the step under the pointer in its place, and ends with all', () => {
  const view = viewport();
  view.zoomBy(0.1, 101);
  expect(view.range).toEqual({ min: 91, max: 191 });
  view.zoomBy(2, 91);
  expect(view.range).toEqual({ min: 91, max: 291 });
  view.zoomBy(1e-9, 200);
  expect(view.range.max - view.range.min).toBe(4);
  view.zoomBy(1000);
  expect(view.showsAll()).toBe(true);
});

test('listeners hear of changes only', () => {
  const view = viewport();
  let notified = 0;
  const stop = view.subscribe(() => notified++);
  view.point(5);
  view.point(5);
  view.showAll();
  view.setExtent(1, 1001);
  expect(notified).toBe(1);
  expect(view.pointed()).toBe(5);
  stop();
  view.point(null);
  expect(notified).toBe(1);
});
