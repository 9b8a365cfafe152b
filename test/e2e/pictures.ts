/** Small pictures of three classes, as rows of a data set. */
import sharp from 'sharp';

/** Bars from left to right, from top to bottom, and no bars, in any colours. */
export const pictureClasses = ['columns', 'plain', 'rows'];

async function picture(i: number): Promise<{ image: string; label: string }> {
  const label = pictureClasses[i % 3]!;
  const [width, height] = [20 + (i % 5), 18 + (i % 7)];
  const shade = (x: number, y: number) => {
    const along = label === 'columns' ? x : label === 'rows' ? y : 0;
    return ((along >> 1) % 2) * 150 + ((i * 37) % 90);
  };
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [place, channel] = [Math.floor(at / 3), at % 3];
    return shade(place % width, Math.floor(place / width)) + channel * (i % 4);
  });
  const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  return { image: `data:image/png;base64,${file.toString('base64')}`, label };
}

export const pictures = (from: number, to: number) =>
  Promise.all(Array.from({ length: to - from }, (_, i) => picture(from + i)));
