/** The pages of a column within a row group, one after another: levels, and values or places in a dictionary. */
import type { ColumnMetaData, DecodedArray, Encoding, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { damaged, ParquetProblem, soundly } from '#data/formats/parquet/problem.js';
import { readRuns } from '#data/formats/parquet/run-lengths.js';
import { unpackPage } from '#data/formats/parquet/unpack-page.js';
import type { RandomAccess } from '#data/formats/random-access.js';

/** A column within a row group. */
export interface ColumnPart {
  readonly name: string;
  /** From the root of the schema to the column. */
  readonly path: readonly SchemaTree[];
  readonly meta: ColumnMetaData;
}

export interface Page {
  /** Of each entry: how much of its path is there. Undefined where all of it is. */
  readonly definitions: Int32Array | undefined;
  /** Of each entry: where it goes on with what is before it. Undefined where columns have no lists. */
  readonly repetitions: Int32Array | undefined;
  readonly entries: number;
  /** Values of the entries that have one, or their places in the dictionary. */
  readonly values: DecodedArray;
  readonly isOfDictionary: boolean;
}

/** Memory is kept for a page of each column at a time. */
const maxPageBytes = 256 * 1024 * 1024;
const maxPageEntries = 16_000_000;
const maxHeaderBytes = 4 * 1024 * 1024;

export class PageReader {
  /** Unconverted. */
  dictionary: DecodedArray | undefined;
  private at: number;
  private readonly end: number;
  private entriesLeft: number;
  private readonly maxDefinition: number;
  private readonly maxRepetition: number;

  constructor(
    private readonly file: RandomAccess,
    private readonly part: ColumnPart,
  ) {
    const { meta, path, name } = part;
    this.at = Number(meta.dictionary_page_offset || meta.data_page_offset);
    this.end = this.at + Number(meta.total_compressed_size);
    this.entriesLeft = Number(meta.num_values);
    if (!(this.at >= 4) || !(this.end <= file.size) || !(this.end >= this.at) || !(this.entriesLeft >= 0)) {
      throw damaged(name, 'it lies outside of the file');
    }
    this.maxDefinition = getMaxDefinitionLevel([...path]);
    this.maxRepetition = getMaxRepetitionLevel([...path]);
  }

  /** The next page of values; undefined at the end. Throws ParquetProblem and the errors of the file. */
  async next(): Promise<Page | undefined> {
    const { name } = this.part;
    while (this.entriesLeft > 0 && this.at < this.end) {
      const header = await this.header();
      const { compressed_page_size: length, uncompressed_page_size: unpacked } = header;
      if (!isCount(length) || !isCount(unpacked) || this.at + length > this.end) {
        throw damaged(name, 'a page is longer than the column');
      }
      const values = header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header;
      const entries = values?.num_values ?? 0;
      if (unpacked > maxPageBytes || entries > maxPageEntries) throw this.tooLarge();
      const bytes = await this.file.read(this.at, length);
      if (bytes.length < length) throw damaged(name, 'the file ends within it');
      this.at += length;
      if (header.type === 'DICTIONARY_PAGE') {
        this.dictionary = soundly(name, () => this.readDictionary(header, bytes));
        continue;
      }
      if (header.type !== 'DATA_PAGE' && header.type !== 'DATA_PAGE_V2') continue;
      if (!isCount(entries) || entries > this.entriesLeft)
        throw damaged(name, 'a page has more values than the column');
      this.entriesLeft -= entries;
      return soundly(name, () =>
        header.type === 'DATA_PAGE' ? this.readFirst(header, bytes) : this.readSecond(header, bytes),
      );
    }
    return undefined;
  }

  /** The header of a page, which has any length. */
  private async header(): Promise<PageHeader> {
    for (let length = 1024; ; length *= 16) {
      const bytes = await this.file.read(this.at, Math.min(length, this.end - this.at));
      const reader = { view: viewOf(bytes), offset: 0 };
      const isAll = bytes.length < length || length >= maxHeaderBytes;
      try {
        const header = parquetHeader(reader);
        this.at += reader.offset;
        return header;
      } catch (error) {
        if (isAll) throw damaged(this.part.name, (error as Error).message);
      }
    }
  }

  private unpack(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
    const { name, meta } = this.part;
    return unpackPage(bytes, { column: name, codec: meta.codec, length });
  }

  private readDictionary(header: PageHeader, bytes: Uint8Array): DecodedArray {
    const page = this.unpack(bytes, header.uncompressed_page_size);
    const { num_values: count = 0 } = header.dictionary_page_header ?? {};
    return this.plain(page, 0, count);
  }

  /** A page of the first version: lengths of levels stand before them, and all is compressed. */
  private readFirst(header: PageHeader, bytes: Uint8Array): Page {
    const facts = header.data_page_header;
    if (!facts) throw new RangeError('a page has no header of its kind');
    const page = this.unpack(bytes, header.uncompressed_page_size);
    const { num_values: entries, encoding } = facts;
    let at = 0;
    const levels = (max: number, written: Encoding): Int32Array | undefined => {
      if (max === 0) return undefined;
      if (written !== 'RLE') throw new RangeError(`levels in ${written}`);
      const length = viewOf(page).getUint32(at, true);
      const run = page.subarray(at + 4, at + 4 + length);
      if (run.length < length) throw new RangeError('levels end early');
      at += 4 + length;
      return readRuns(run, { width: widthOf(max), count: entries });
    };
    const repetitions = levels(this.maxRepetition, facts.repetition_level_encoding);
    const definitions = levels(this.maxDefinition, facts.definition_level_encoding);
    return this.page({ repetitions, definitions, entries, encoding }, page, at);
  }

  /** A page of the second version: levels stand outside of what is compressed. */
  private readSecond(header: PageHeader, bytes: Uint8Array): Page {
    const facts = header.data_page_header_v2;
    if (!facts) throw new RangeError('a page has no header of its kind');
    const {
      num_values: entries,
      encoding,
      repetition_levels_byte_length: first,
      definition_levels_byte_length: second,
    } = facts;
    if (!isCount(first) || !isCount(second) || first + second > bytes.length)
      throw new RangeError('levels end early');
    const levels = (max: number, from: number, length: number) =>
      max === 0
        ? undefined
        : readRuns(bytes.subarray(from, from + length), { width: widthOf(max), count: entries });
    const repetitions = levels(this.maxRepetition, 0, first);
    const definitions = levels(this.maxDefinition, first, second);
    const rest = bytes.subarray(first + second);
    const length = header.uncompressed_page_size - first - second;
    const page = facts.is_compressed === false ? Uint8Array.from(rest) : this.unpack(rest, length);
    return this.page({ repetitions, definitions, entries, encoding }, page, 0);
  }

  private page(
    { encoding, ...rest }: Omit<Page, 'values' | 'isOfDictionary'> & { readonly encoding: Encoding },
    page: Uint8Array<ArrayBuffer>,
    at: number,
  ): Page {
    const { definitions, entries } = rest;
    let count = entries;
    if (definitions) {
      count = 0;
      for (const level of definitions) {
        if (level === this.maxDefinition) count++;
        else if (level > this.maxDefinition) throw new RangeError('a level is too high');
      }
    }
    const isOfDictionary = encoding === 'PLAIN_DICTIONARY' || encoding === 'RLE_DICTIONARY';
    const values = count === 0 ? [] : this.values(encoding, page, at, count);
    if (values.length !== count)
      throw new RangeError(`a page has ${values.length} values instead of ${count}`);
    return { ...rest, values, isOfDictionary };
  }

  private values(encoding: Encoding, page: Uint8Array<ArrayBuffer>, at: number, count: number): DecodedArray {
    const { type, type_length: width } = this.part.path.at(-1)!.element;
    const reader = { view: viewOf(page), offset: at };
    switch (encoding) {
      case 'PLAIN':
        return this.plain(page, at, count);
      case 'PLAIN_DICTIONARY':
      case 'RLE_DICTIONARY':
        return readRuns(page.subarray(at + 1), { width: reader.view.getUint8(at), count });
      case 'RLE': {
        const bits = readRuns(page.subarray(at + 4), { width: 1, count });
        return Array.from(bits, (bit) => bit === 1);
      }
      case 'DELTA_BINARY_PACKED': {
        const numbers = type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
        deltaBinaryUnpack(reader, count, numbers);
        return numbers;
      }
      case 'DELTA_LENGTH_BYTE_ARRAY':
      case 'DELTA_BYTE_ARRAY': {
        const texts: Uint8Array[] = [];
        (encoding === 'DELTA_BYTE_ARRAY' ? deltaByteArray : deltaLengthByteArray)(reader, count, texts);
        return texts;
      }
      case 'BYTE_STREAM_SPLIT':
        return byteStreamSplit(reader, count, type!, width);
      case 'ALP':
      case 'BIT_PACKED':
      case 'GROUP_VAR_INT':
      default: {
        const { name } = this.part;
        const message = `the column "${name}" is written in the encoding ${encoding}, which is not read. Write the file with another one.`;
        throw new ParquetProblem('packing_unsupported', name, message);
      }
    }
  }

  private plain(page: Uint8Array<ArrayBuffer>, at: number, count: number): DecodedArray {
    const { type, type_length: width } = this.part.path.at(-1)!.element;
    // Each value has a bit at least.
    if (!isCount(count) || count > (page.length - at) * 8) throw new RangeError('values end early');
    return readPlain({ view: viewOf(page), offset: at }, type!, count, width);
  }

  private tooLarge(): ParquetProblem {
    const { name } = this.part;
    const limit = maxPageBytes / 1024 / 1024;
    const message =
      `the column "${name}" has a page of more than ${limit} MiB or ${maxPageEntries} values. Write the file with ` +
      'smaller row groups (row_group_size) or pages (data_page_size).';
    return new ParquetProblem('page_too_large', name, message);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a file says may be of any type. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Bits of the numbers up to this one. */
function widthOf(max: number): number {
  return 32 - Math.clz32(max);
}
