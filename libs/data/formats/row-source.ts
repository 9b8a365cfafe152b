/** What a format of data files is made of. */
import type { Place, ProblemCollector } from '#data/data-error.js';
import type { DataWarning } from '#data/row-notes.js';
import type { RandomAccess } from '#data/formats/random-access.js';

/** Fields of a record by name, as the file holds them. */
export type Fields = Readonly<Record<string, unknown>>;

/** A record of a file, before anybody asks what kind of row it is. */
export interface DataRecord {
  /** Where it stands, from 1: a line, or the number of the record in formats without lines. */
  readonly line: number;
  readonly fields: Fields;
}

/** How a file begins. */
export interface FileHead {
  readonly bytes: Buffer;
  /** The first line that is not blank, as text, with its number; undefined where the beginning is blank or no text. */
  readonly firstLine: { readonly text: string; readonly number: number } | undefined;
}

export interface ReadContext {
  /** The content of the file. A chunk stays valid until the next is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Takes what is wrong. A reader stops when it is full. */
  readonly problems: ProblemCollector;
  /** The longest record in bytes. Longer ones are a problem and are not read into memory. */
  readonly maxRecordBytes: number;
  readonly head: FileHead;
  /** Whether the content is only the beginning of a file, so that a record at its end may be cut. To be asked at the end. */
  readonly isCut: () => boolean;
}

/** What a format needs that is not read from its beginning to its end. */
export interface RandomContext extends Pick<ReadContext, 'problems' | 'maxRecordBytes'> {
  readonly file: RandomAccess;
  /** Bytes of records after which reading ends, with a call of `onCut` where there are more. */
  readonly maxBytes: number;
  readonly onCut: () => void;
  /** Told what people should know of the file, though it can be read. */
  readonly onWarning: (warning: DataWarning) => void;
  /** Told which share of the file's bytes is done. */
  readonly onRead: (bytes: number) => void;
  /** Whether rows read a field of this name; of others it is enough to say that they are there. */
  readonly isRead: (field: string) => boolean;
}

interface Format {
  readonly name: string;
  /** Whether cells hold text, and what is no text is written as JSON in them. */
  readonly isTable: boolean;
  /** What problems count. */
  readonly place?: Place;
  /** Whether a file that begins like this is of the format. */
  detects(head: FileHead): boolean;
}

/** A format that is read as it comes. */
export interface StreamedSource extends Format {
  /** The records in batches of about 256 KiB, in flat memory. Throws the errors of reading the content. */
  read(context: ReadContext): AsyncIterable<readonly DataRecord[]>;
}

/** A format that is read here and there. */
export interface RandomSource extends Format {
  /** As `read`. */
  readAnywhere(context: RandomContext): AsyncIterable<readonly DataRecord[]>;
}

/** A format of files. An entry owns how a file of it is known, how it is read, and everything that is said about it. */
export type RowSource = StreamedSource | RandomSource;
