/** Images whose pixels were read by PIL, made by tools/golden/images.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'fixtures/images');

export const imageFile = (name: string): Buffer => readFileSync(join(folder, name));

export const imageJson = (name: string): unknown => JSON.parse(imageFile(name).toString('utf8'));

export const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** Little-endian numbers, as the fixtures have them. */
export const floatsOf = (base64: string): Float32Array => new Float32Array(bytesOf(base64).buffer);

/** As clients send it. */
export const dataUrl = (name: string, type = 'image/png'): string =>
  `data:${type};base64,${imageFile(name).toString('base64')}`;
