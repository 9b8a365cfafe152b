/** A multipart body read as it comes: one file handed on, short fields into memory. */
import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { LowrankError } from '#base/errors.js';
import { ApiError } from '../errors/api-error.js';
import { letBodyCome } from '../http/expectations.js';

export interface UploadRules {
  /** Takes the file's bytes as they come, all of them or an error; stops with the signal. */
  readonly write: (content: Readable, signal: AbortSignal) => Promise<unknown>;
  readonly maxBytes: number;
  /** What to do about a file that is larger. */
  readonly tooLargeFix?: string;
  /** Name of the field that is the file; `file` unless said otherwise. */
  readonly fileField?: string;
  /** Names of the fields beside it. */
  readonly fields: readonly string[];
  /** Looks at a field as soon as it is there; what it throws ends the upload. */
  readonly onField?: (name: string, value: string) => void;
  /** Looks at what is on the disk a moment after the file began; what it throws ends the upload. */
  readonly lookEarly?: (
    filename: string,
    signal: AbortSignal,
    fields: ReadonlyMap<string, string>,
  ) => Promise<void>;
}

export interface Upload {
  readonly fields: ReadonlyMap<string, string>;
  readonly filename: string;
  readonly bytes: number;
}

/** Writes what comes into a new file of this disk. */
export function toDisk(path: string): UploadRules['write'] {
  return (content, signal) =>
    pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
}

/** When a file that still comes is looked at. */
const earlyMilliseconds = 500;
const maxFieldBytes = 4096;
/** Room for field values, headers and boundaries beside the file. */
const overheadBytes = 64 * 1024;

/**
 * Receives an upload. Not a byte of the file is written beyond the limit, declared or not.
 *
 * Throws ApiError 400 for a body that is no such form, 413 `file_too_large`, and what the rules throw.
 */
export async function receiveUpload(request: IncomingMessage, rules: UploadRules): Promise<Upload> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > rules.maxBytes + overheadBytes) throw tooLarge(rules);
  const form = openForm(request, rules);
  const reader = new FormReader(form, rules);
  const checkEnd = () => {
    if (!request.complete) reader.fail(broken());
  };
  request.once('close', checkEnd);
  // It may have broken before anyone listened.
  if (request.destroyed) checkEnd();
  letBodyCome(request);
  request.pipe(form);
  try {
    return await reader.result;
  } finally {
    request.unpipe(form);
    form.destroy();
    await reader.written();
  }
}

function openForm({ headers }: IncomingMessage, rules: UploadRules): busboy.Busboy {
  const { maxBytes, fields } = rules;
  const param = fileFieldOf(rules);
  const form = `send the file as multipart/form-data with a field "${param}"`;
  if (!/^multipart\/form-data\b/i.test(headers['content-type'] ?? '')) {
    throw new ApiError('not_multipart', form, { param });
  }
  try {
    return busboy({
      headers,
      defParamCharset: 'utf8',
      limits: {
        // One byte more than allowed tells a file that is too large from one that just fits.
        fileSize: maxBytes + 1,
        files: 2,
        fields: fields.length + 8,
        fieldSize: maxFieldBytes,
        fieldNameSize: 200,
        headerPairs: 100,
      },
    });
  } catch (cause) {
    throw new ApiError('not_multipart', `${form}: ${(cause as Error).message}`, { param, cause });
  }
}

const fileFieldOf = ({ fileField = 'file' }: UploadRules) => fileField;

function tooLarge(rules: UploadRules): ApiError {
  const { maxBytes, tooLargeFix = 'split it' } = rules;
  const message = `the file is larger than ${maxBytes} bytes, the limit of this server: ${tooLargeFix}`;
  return new ApiError('file_too_large', message, { param: fileFieldOf(rules) });
}

function broken(): ApiError {
  return new ApiError('upload_aborted', 'the connection broke before the upload was complete: send it again');
}

class FormReader {
  readonly result: Promise<Upload>;
  private readonly fields = new Map<string, string>();
  private readonly stop = new AbortController();
  private file: Promise<{ filename: string; bytes: number }> | undefined;
  private reject!: (error: unknown) => void;

  constructor(
    form: busboy.Busboy,
    private readonly rules: UploadRules,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.reject = reject;
      form.on('error', (cause) => this.fail(this.malformed(cause)));
      form.on('field', (name, value, info) => this.guard(() => this.takeField(name, value, info)));
      form.on('file', (name, stream, { filename }) => this.takeFile(name, stream, filename));
      form.on('close', () => void this.finish().then(resolve, (error: unknown) => this.fail(error)));
    });
  }

  /** Ends the upload with the first thing that went wrong. */
  fail(error: unknown): void {
    this.reject(error);
    this.stop.abort(error);
  }

  /** Resolves when nothing more is written. */
  async written(): Promise<void> {
    await this.file?.catch(() => undefined);
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  private takeField(name: string, value: string, info: busboy.FieldInfo): void {
    const invalid = (message: string) =>
      new ApiError('invalid_request', `${name}: ${message}`, { param: name });
    const fileField = fileFieldOf(this.rules);
    if (name === fileField) throw invalid('must be a file, not a text: give it a file name');
    if (!this.rules.fields.includes(name)) {
      throw invalid(`is not a known field; known fields: ${[fileField, ...this.rules.fields].join(', ')}`);
    }
    if (this.fields.has(name)) throw invalid('is there twice');
    if (info.valueTruncated) throw invalid(`is longer than ${maxFieldBytes} bytes`);
    this.fields.set(name, value);
    this.rules.onField?.(name, value);
  }

  private takeFile(
    name: string,
    stream: Readable & { truncated?: boolean },
    filename: string | undefined,
  ): void {
    // Without a listener a form that ends in the middle of its file would throw where nobody catches it.
    stream.on('error', (cause) => this.fail(this.malformed(cause)));
    const fileField = fileFieldOf(this.rules);
    if (name !== fileField || this.file !== undefined) {
      stream.resume();
      const problem =
        name === fileField
          ? 'is there twice: send one file at a time'
          : `is not a known file field: name it "${fileField}"`;
      this.fail(new ApiError('invalid_request', `${name}: ${problem}`, { param: name }));
      return;
    }
    this.file = this.write(stream, filename);
    this.file.catch((error: unknown) => this.fail(error));
  }

  private async write(
    stream: Readable,
    filename: string | undefined,
  ): Promise<{ filename: string; bytes: number }> {
    const { maxBytes, write } = this.rules;
    const name = soundName(filename);
    const { signal } = this.stop;
    let bytes = 0;
    const meter = new Transform({
      transform: (chunk: Buffer, _, done) => {
        try {
          bytes += chunk.length;
          if (bytes > maxBytes) throw tooLarge(this.rules);
          done(null, chunk);
        } catch (error) {
          // At once: what the streams make of it says less.
          this.fail(error);
          done(error as Error);
        }
      },
    });
    using _ = this.lookingEarly(name);
    // Both end before anyone goes on: nothing is written after an answer.
    const [read, written] = await Promise.allSettled([
      pipeline(stream, meter, { signal }),
      write(meter, signal),
    ]);
    // What stops the writer breaks the reader too, and says why.
    if (written.status === 'rejected') throw written.reason;
    if (read.status === 'rejected') throw read.reason;
    return { filename: name, bytes };
  }

  /** Looks at the file while it comes, if it still comes then. */
  private lookingEarly(filename: string): Disposable {
    const look = () => {
      this.rules
        .lookEarly?.(filename, this.stop.signal, this.fields)
        .catch((error: unknown) => this.fail(error));
    };
    const timer = setTimeout(look, earlyMilliseconds);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  private async finish(): Promise<Upload> {
    if (!this.file) {
      const param = fileFieldOf(this.rules);
      throw new ApiError('missing_file', `the form has no file: send one in the field "${param}"`, { param });
    }
    return { fields: this.fields, ...(await this.file) };
  }

  /** What the form's reader says of a body; what was refused for another reason comes back through its streams too. */
  private malformed(cause: unknown): unknown {
    const isKnown = cause instanceof LowrankError || (cause as NodeJS.ErrnoException).syscall !== undefined;
    if (isKnown) return cause;
    const param = fileFieldOf(this.rules);
    return new ApiError('invalid_form', `the form cannot be read: ${(cause as Error).message}`, {
      param,
      cause,
    });
  }
}

/** The last part of a path, without control characters, 255 characters at most. */
export function soundName(name: string | undefined): string {
  const last = (name ?? '')
    .split(/[/\\]/)
    .at(-1)!
    .replaceAll(/\p{Surrogate}/gu, '');
  const clean = last
    .replaceAll(/\p{Control}/gu, '')
    .trim()
    .slice(0, 255);
  return clean === '' || clean === '.' || clean === '..' ? 'file' : clean;
}
