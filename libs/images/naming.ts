/** Names of images in messages. */
import { LowrankError } from '#base/errors.js';

/** Does something with an image; messages that go on from a name begin with this one. */
export async function naming<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof LowrankError)) throw cause;
    throw new LowrankError(cause.code, `${name} ${cause.message}`, { cause, details: cause.details });
  }
}
