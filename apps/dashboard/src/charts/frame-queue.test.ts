import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FrameQueue } from './frame-queue.js';

let frames: (() => void)[] = [];
let now = 0;
beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (callback: () => void) => frames.push(callback));
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const nextFrame = () => frames.splice(0).forEach((frame) => frame());

test('the preferred picture is drawn in every frame, the others have their turns', () => {
  const queue = new FrameQueue();
  const drawn: string[] = [];
  // Each takes so long that two fit into a frame.
  const pictures = ['a', 'b', 'c', 'd'].map((name) => () => {
    drawn.push(name);
    now += 3;
  });
  queue.prefer(pictures[3]!);
  for (let frame = 0; frame < 3; frame++) {
    for (const picture of pictures) queue.ask(picture);
    nextFrame();
  }
  expect(drawn.filter((name) => name === 'd')).toHaveLength(3);
  expect(new Set(drawn)).toEqual(new Set(['a', 'b', 'c', 'd']));
  while (frames.length > 0) nextFrame();
  expect(drawn.slice(-2).toSorted()).not.toContain('d');
});

test('what is asked for many times is drawn once, and what is forgotten is not', () => {
  const queue = new FrameQueue();
  const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
  for (let i = 0; i < 5; i++) queue.ask(first);
  queue.ask(second);
  queue.forget(second);
  nextFrame();
  expect(first).toHaveBeenCalledTimes(1);
  expect(second).not.toHaveBeenCalled();
  expect(frames).toHaveLength(0);
});
