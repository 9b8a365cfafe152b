import { expect, test } from 'vitest';
import { Gate } from '../../../../test/contract/waiting.js';
import { TextChannel } from './text-channel.js';

const long = 60_000;

test('pieces come as far as they are there, then the end', async () => {
  const gate = new Gate();
  let put: (text: string) => void = () => undefined;
  const channel = new TextChannel(async (onText) => {
    put = onText;
    onText('a');
    onText('b');
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
  const channel = new TextChannel((onText) => {
    onText('a');
    return Promise.reject(new Error('broken'));
  });
  expect(await channel.next(long)).toEqual(['a']);
  await expect(channel.next(long)).rejects.toThrow('broken');
});

test('the whole text is there with the result', async () => {
  const channel = new TextChannel((onText) => {
    onText('a');
    onText('b');
    return Promise.resolve(1);
  });
  expect(await channel.whole()).toBe('ab');
  const broken = new TextChannel(() => Promise.reject(new Error('broken')));
  await expect(broken.whole()).rejects.toThrow('broken');
});
