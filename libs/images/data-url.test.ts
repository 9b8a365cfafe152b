import { expect, test } from 'vitest';
import { readDataUrl } from '#images/data-url.js';

test('a data URL gives its bytes, whatever type it declares', () => {
  for (const head of ['data:image/png;base64', 'data:;base64', 'DATA:image/jpeg;name=x;BASE64']) {
    expect(readDataUrl(`${head},AAEC`)).toEqual(Buffer.from([0, 1, 2]));
  }
});

test.each([
  ['https://example.com/cat.png', 'unsupported', 'fetches nothing'],
  ['file:///etc/passwd', 'unsupported', 'fetches nothing'],
  ['cat.png', 'image_invalid', 'is no data URL'],
  ['data:image/svg+xml,<svg/>', 'image_invalid', 'is no data URL'],
  ['data:image/png;base64,', 'image_invalid', 'empty, broken or cut off'],
  ['data:image/png;base64,AAE', 'image_invalid', 'empty, broken or cut off'],
  ['data:image/png;base64,AA*C', 'image_invalid', 'empty, broken or cut off'],
])('%s is refused with the reason', (url, code, words) => {
  expect(() => readDataUrl(url)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(words) as string }) as Error,
  );
});
