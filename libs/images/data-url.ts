/** Images inside of texts: `data:image/png;base64,...`. */
import { LowrankError, UnsupportedError } from '#base/errors.js';

const start = /^data:([^,;]*)((?:;[^,;]*)*),/i;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const longestStart = 200;

/**
 * The bytes of a data URL; what they are is told by themselves and not by the type that it declares.
 *
 * Throws LowrankError `image_invalid` for other texts, and UnsupportedError for the address of something elsewhere;
 * messages go on from a name.
 */
export function readDataUrl(url: string): Buffer {
  const given = /^\s*([a-z][a-z0-9+.-]*):/i.exec(url.slice(0, longestStart))?.[1]?.toLowerCase();
  if (given !== undefined && given !== 'data') {
    throw new UnsupportedError(
      `is an address of ${given}: this server fetches nothing from elsewhere. Send the image itself as a data URL, ` +
        'data:image/png;base64,...',
      { scheme: given },
    );
  }
  const head = start.exec(url.slice(0, longestStart));
  if (!head || !/;base64$/i.test(head[2]!)) {
    throw new LowrankError('image_invalid', 'is no data URL such as data:image/png;base64,...');
  }
  const text = url.slice(head[0].length);
  if (text.length % 4 !== 0 || !base64.test(text)) {
    throw new LowrankError('image_invalid', 'has a data URL whose base64 is empty, broken or cut off');
  }
  return Buffer.from(text, 'base64');
}
