/** How large images may be. */

export const maxImageBytes = 20 * 1024 * 1024;

/** What PIL calls a decompression bomb. */
export const maxImagePixels = 89_478_485;
