/** Rows of an image and its class, under the names that data sets of the hub have for them. */
import { LowrankError } from '#base/errors.js';
import { describeType, type Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';
import { readLabel } from '#data/rows/labelled-row.js';
import type { ImageRow } from '#data/rows/row.js';
import type { RowShape } from '#data/rows/row-shape.js';
import { readDataUrl } from '#images/data-url.js';
import { formatOf } from '#images/image-format.js';

const imageField = 'image';

/** Tables of the hub have an image as an object of its bytes and the path that it came from. */
function bytesOf(image: unknown): unknown {
  const { bytes } = (image ?? {}) as { readonly bytes?: unknown };
  return bytes instanceof Uint8Array ? bytes : image;
}

/** The file of an image, which is one by its first bytes; undefined if a problem was reported. */
function readImage(fields: Fields, report: Report): Uint8Array | undefined {
  const image = bytesOf(fields[imageField]);
  if (typeof image !== 'string' && !(image instanceof Uint8Array)) {
    const what = `"${imageField}" must be a data URL such as data:image/png;base64,... or bytes, but is ${describeType(image)}.`;
    report(imageField, 'wrong_type', what);
    return undefined;
  }
  try {
    const file = typeof image === 'string' ? readDataUrl(image) : image;
    formatOf(file);
    return file;
  } catch (error) {
    if (!(error instanceof LowrankError)) throw error;
    report(imageField, error.code, `the image ${error.message}.`);
    return undefined;
  }
}

export const imageShape: RowShape = {
  kinds: ['image'],
  fields: [imageField, 'label'],

  detects: (fields) => imageField in fields && 'label' in fields,

  read(fields, report): ImageRow | undefined {
    const file = readImage(fields, report);
    const label = readLabel(fields, report);
    return file === undefined || label === undefined ? undefined : { kind: 'image', file, label };
  },
};
