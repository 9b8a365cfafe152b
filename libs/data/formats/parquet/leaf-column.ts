/** A column of values, read in rows. */
import type { DecodedArray, SchemaTree } from 'hyparquet';
import { assembleLists } from 'hyparquet/src/assemble.js';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getMaxDefinitionLevel } from 'hyparquet/src/schema.js';
import { Float } from '#data/exact-json.js';
import { type ColumnPart, type Page, PageReader } from '#data/formats/parquet/pages.js';
import { damaged, ParquetProblem, soundly } from '#data/formats/parquet/problem.js';
import type { RandomAccess } from '#data/formats/random-access.js';

type ColumnDecoder = Parameters<typeof convert>[1];

/** Reads a column of a row group from its beginning; what is in its pages is held one page at a time. */
export class LeafColumn {
  private readonly pages: PageReader;
  private readonly decoder: ColumnDecoder;
  private readonly maxDefinition: number;
  private page: Page | undefined;
  /** Entries and values of the page that were taken. */
  private entry = 0;
  private value = 0;
  private dictionary: DecodedArray | undefined;

  constructor(
    file: RandomAccess,
    private readonly part: ColumnPart,
  ) {
    this.pages = new PageReader(file, part);
    this.decoder = decoderOf(part);
    this.maxDefinition = getMaxDefinitionLevel([...part.path]);
  }

  /** The next rows, nested as `assembleNested` wants them. Throws ParquetProblem, also where there are fewer. */
  async take(rows: number): Promise<DecodedArray> {
    const definitions: number[] = [];
    const repetitions: number[] = [];
    const values: unknown[] = [];
    let isNested = false;
    let begun = 0;
    for (;;) {
      if (!this.page || this.entry === this.page.entries) {
        if (!(await this.turn())) break;
        continue;
      }
      const page = this.page;
      const { repetitions: repeats } = page;
      isNested = repeats !== undefined;
      if (!repeats && begun === rows) break;
      const start = this.entry;
      const firstValue = this.value;
      while (this.entry < page.entries) {
        if (!repeats || repeats[this.entry] === 0) {
          if (begun === rows) break;
          begun++;
        }
        const level = page.definitions?.[this.entry] ?? this.maxDefinition;
        definitions.push(level);
        if (repeats) repetitions.push(repeats[this.entry]!);
        if (level === this.maxDefinition) this.value++;
        this.entry++;
      }
      for (const value of soundly(this.part.name, () => this.converted(page, firstValue))) values.push(value);
      // The next row has begun.
      if (this.entry < page.entries || start === this.entry) break;
    }
    if (begun < rows) throw damaged(this.part.name, 'it ends before the other columns');
    return soundly(this.part.name, () =>
      assembleLists(
        [],
        definitions,
        isNested ? repetitions : [],
        values as DecodedArray,
        this.part.path as SchemaTree[],
      ),
    );
  }

  private async turn(): Promise<boolean> {
    this.page = await this.pages.next();
    this.entry = 0;
    this.value = 0;
    const { dictionary } = this.pages;
    if (dictionary && !this.dictionary)
      this.dictionary = soundly(this.part.name, () => convertedBy(dictionary, this.decoder));
    return this.page !== undefined;
  }

  /** The values up to where the page was taken. */
  private converted({ values, isOfDictionary }: Page, from: number): Iterable<unknown> {
    const taken = values.slice(from, this.value);
    if (!isOfDictionary) return convertedBy(taken, this.decoder);
    const { dictionary } = this;
    if (!dictionary) throw new RangeError('its dictionary is missing');
    return Array.from(taken as ArrayLike<number>, (place) => {
      if (place < 0 || place >= dictionary.length) throw new RangeError('a place is not in its dictionary');
      return dictionary[place] as unknown;
    });
  }
}

function decoderOf({ name, path, meta }: ColumnPart): ColumnDecoder {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const stringFromBytes = (bytes: Uint8Array) => {
    try {
      return decoder.decode(bytes);
    } catch {
      const message = `the column "${name}" has a text that is not UTF-8. Write it as UTF-8, or as binary.`;
      throw new ParquetProblem('not_utf8', name, message);
    }
  };
  return {
    pathInSchema: meta.path_in_schema,
    type: meta.type,
    element: path.at(-1)!.element,
    schemaPath: [...path],
    codec: meta.codec,
    parsers: {
      ...DEFAULT_PARSERS,
      stringFromBytes,
      jsonFromBytes: stringFromBytes,
      geometryFromBytes: (bytes) => bytes,
      geographyFromBytes: (bytes) => bytes,
    },
    utf8: false,
  };
}

/** Values as rows of JSON have them. */
function convertedBy(values: DecodedArray, decoder: ColumnDecoder): DecodedArray {
  const converted = convert(values, decoder);
  const { element } = decoder;
  const isFloat = element.type === 'FLOAT' || element.type === 'DOUBLE';
  return Array.from(converted as ArrayLike<unknown>, (value) => plain(value, isFloat)) as DecodedArray;
}

function plain(value: unknown, isFloat: boolean): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  // What pandas writes for nothing.
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  return isFloat && Number.isInteger(value) ? new Float(value as number) : value;
}
