import { expect, test } from 'vitest';
import { Gate } from '../../../../test/contract/waiting.js';
import { PieceChannel } from './piece-channel.js';

const long = 60_000;

test('pieces come as far as they are there, then the end', async () => {
  const gate = new Gate();
  let put: (piece: string) => void = () => undefined;
  const channel = new PieceChannel<string, number>(async (onPiece) => {
    put = onPiece;
    onPiece('a');
    onPiece('b');
    await gate.passed;
    return 7;
  });
  expect(await channel.next(long)).toEqual(['a', 'b']);
  const next = channel.next(long);
  put('c');
  expect(await next).toEqual(['c']);
  expect(await channel.next(0)).toEqual([]);
  put('d');
  gate.open();
  await channel.result;
  expect(await channel.next(long)).toEqual(['d']);
  expect(await channel.next(long)).toBeUndefined();
  expect(await channel.result).toBe(7);
});

test('a failure comes after the pieces before it', async () => {
  const channel = new PieceChannel<string, number>((onPiece) => {
    onPiece('a');
    return Promise.reject(new Error('broken'));
  });
  expect(await channel.next(long)).toEqual(['a']);
  await expect(channel.next(long)).rejects.toThrow('broken');
});

test('all of the pieces are there with the result', async () => {
  const channel = new PieceChannel<string, number>((onPiece) => {
    onPiece('a');
    onPiece('b');
    return Promise.resolve(1);
  });
  expect(await channel.whole()).toEqual(['a', 'b']);
  const broken = new PieceChannel<string, number>(() => Promise.reject(new Error('broken')));
  await expect(broken.whole()).rejects.toThrow('broken');
});
