/** An image as plain numbers. */

/** Grey, or red, green and blue. */
export type Channels = 1 | 3;

export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly channels: Channels;
  /** [height, width, channels], 0 to 255. */
  readonly data: Uint8Array;
}
