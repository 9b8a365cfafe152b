/** Ways for tests to wait for what happens elsewhere. */
import { setTimeout as delay } from 'node:timers/promises';

/** Opens once; whoever waits for `passed` goes on with the value. */
export class Gate<T = void> {
  open!: (value: T) => void;
  readonly passed = new Promise<T>((resolve) => {
    this.open = resolve;
  });
}

/** Tries a check until it stops throwing; throws its last error after the time is over. */
export async function eventually(check: () => void | Promise<void>, milliseconds = 10_000): Promise<void> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(20);
  }
}

/** Waits until something is true. */
export async function until(isTrue: () => boolean): Promise<void> {
  await eventually(() => {
    if (!isTrue()) throw new Error('it did not become true');
  });
}
