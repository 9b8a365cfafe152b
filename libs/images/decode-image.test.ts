import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bytesOf, imageFile, imageJson } from '../../test/image-fixtures.js';
import { decodeImage } from '#images/decode-image.js';
import { maxImageBytes } from '#images/limits.js';

const pixels = imageJson('pixels.json') as Record<string, { width: number; height: number; rgb: string }>;
/** PIL cuts them off at 255, which is refused. */
const deepGrey = ['grey-16.png', 'grey-16.tif'];

describe('decodeImage', () => {
  test.each(Object.keys(pixels).filter((name) => !deepGrey.includes(name)))(
    '%s has the pixels that PIL reads',
    async (name) => {
      const { width, height, rgb } = pixels[name]!;
      const image = await decodeImage(imageFile(name));
      expect(image).toMatchObject({ width, height, channels: 3 });
      expect(Buffer.from(image.data).equals(bytesOf(rgb))).toBe(true);
    },
  );

  test('grey is the luma of PIL', async () => {
    const image = await decodeImage(imageFile('rgb.png'), 1);
    // Image.open('rgb.png').convert('L')
    expect(
      Buffer.from(image.data).equals(bytesOf(pixels['grey.png']!.rgb).filter((_, i) => i % 3 === 0)),
    ).toBe(true);
  });

  test.each(deepGrey)('%s is refused, as PIL would cut it off', async (name) => {
    await expect(decodeImage(imageFile(name))).rejects.toMatchObject({
      code: 'image_invalid',
      message:
        'has pixels of grey16 of ushort numbers, of which PIL would cut off all above 255: save it with 8 bits a channel',
    });
  });

  test.each([
    ['nothing', Buffer.alloc(0), 'image_invalid', 'is empty'],
    ['a text', Buffer.from('hello, I am no image'), 'image_invalid', 'is no image'],
    ['a drawing', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'unsupported', 'SVG'],
    ['a bitmap', Buffer.from('BM\0\0\0\0\0\0\0\0'), 'unsupported', 'BMP'],
    ['half an image', imageFile('rgb.png').subarray(0, 700), 'image_invalid', 'damaged or cut off'],
    ['half a photo', imageFile('rgb.jpg').subarray(0, 700), 'image_invalid', 'damaged or cut off'],
    ['the start of one', imageFile('rgb.png').subarray(0, 20), 'image_invalid', 'damaged or cut off'],
    ['too many bytes', Buffer.alloc(maxImageBytes + 1), 'image_too_large', `at most ${maxImageBytes}`],
  ])('%s is refused with the reason', async (_, bytes, code, words) => {
    await expect(decodeImage(bytes)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    });
  });

  test('a small file of a huge image is refused by its header before anything is decoded', async () => {
    const bomb = hugePng(60_000, 60_000);
    expect(bomb.length).toBeLessThan(1000);
    await expect(decodeImage(bomb)).rejects.toMatchObject({
      code: 'image_too_large',
      message: 'has 60000 x 60000 pixels; at most 89478485 are read: make it smaller',
    });
  });
});

/** Its rows are not even there. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(kind), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(named), 4);
    return Buffer.concat([around.subarray(0, 4), named, around.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(100))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
