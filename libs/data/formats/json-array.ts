/** A JSON array of objects, over as many lines as it likes. */
import type { Report } from '#data/field-report.js';
import { decodeLine, parseLine } from '#data/formats/json-line.js';
import type { Line } from '#data/formats/lines.js';
import type { DataRecord, FileHead, ReadContext, StreamedSource } from '#data/formats/row-source.js';

export const jsonArray: StreamedSource = {
  name: 'json',
  isTable: false,

  detects: ({ firstLine }: FileHead): boolean => /^\s*\[\s*(?:[{\]]|$)/.test(firstLine?.text ?? ''),

  async *read({
    chunks,
    problems,
    maxRecordBytes,
    isCut,
  }: ReadContext): AsyncIterable<readonly DataRecord[]> {
    const cutter = new ElementCutter(maxRecordBytes);
    for await (const chunk of chunks) {
      const records: DataRecord[] = [];
      for (const line of cutter.cut(chunk)) {
        if (problems.isFull) return;
        const report: Report = (field, code, message) =>
          problems.add(line.number, field, code, message.replaceAll('the line', 'the element'));
        const text = decodeLine(line, maxRecordBytes, report);
        const fields = text === undefined ? undefined : parseLine(text, line, report);
        if (fields) records.push({ line: line.number, fields });
      }
      yield records;
      if (cutter.problem) {
        problems.add(cutter.line, '', 'invalid_json', cutter.problem);
        problems.stop();
        return;
      }
    }
    if (cutter.isOver || isCut() || problems.isFull) return;
    const problem = 'the array does not end: its last "]" is missing. Copy or upload the file again.';
    problems.add(cutter.line, '', 'truncated_last_line', problem);
  },
};

const [quote, backslash, comma, lineFeed] = [0x22, 0x5c, 0x2c, 0x0a];
const isOpening = (byte: number) => byte === 0x5b || byte === 0x7b;
const isClosing = (byte: number) => byte === 0x5d || byte === 0x7d;
const isSpace = (byte: number) => byte === 0x20 || (byte >= 9 && byte <= 13);
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Cuts an array into its elements, each with the line that it begins on; what is in them is for others to judge. */
class ElementCutter {
  line = 1;
  isOver = false;
  /** What is wrong between elements. */
  problem: string | undefined;
  private isOpen = false;
  private wantsElement = false;
  private depth = 0;
  private isInText = false;
  private isEscaped = false;
  /** What is kept of the element that has begun. */
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private startLine = 0;
  private hasElements = false;

  constructor(private readonly maxBytes: number) {}

  cut(chunk: Buffer): Line[] {
    const elements: Line[] = [];
    let start = this.startLine > 0 ? 0 : -1;
    for (let i = 0; i < chunk.length && !this.problem; i++) {
      const byte = chunk[i]!;
      if (byte === lineFeed) this.line++;
      if (this.isInText) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === backslash) this.isEscaped = true;
        else if (byte === quote) this.isInText = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (start < 0) {
        if (!this.between(byte)) continue;
        start = i;
        this.startLine = this.line;
      }
      if (byte === quote) this.isInText = true;
      else if (isOpening(byte)) this.depth++;
      else if (this.depth === 0 && (byte === comma || isClosing(byte))) {
        elements.push(this.take(chunk.subarray(start, i)));
        start = -1;
        this.between(byte);
      } else if (isClosing(byte)) this.depth--;
    }
    if (start >= 0) this.keep(Buffer.from(chunk.subarray(start)));
    return elements;
  }

  /** What stands between elements; whether it is the first byte of one. */
  private between(byte: number): boolean {
    if (this.isOver) {
      this.problem = 'there is something after the end of the array. Give one array in a file.';
    } else if (!this.isOpen) {
      if (byteOrderMark.includes(byte)) return false;
      this.isOpen = true;
      this.wantsElement = true;
    } else if (byte === comma) {
      if (this.wantsElement) this.problem = 'there is a comma where an element should be. Remove it.';
      this.wantsElement = true;
    } else if (byte === 0x5d) {
      if (this.wantsElement && this.hasElements)
        this.problem = 'a comma stands before the end of the array. Remove it.';
      this.isOver = true;
    } else if (isClosing(byte)) {
      this.problem = 'there is a "}" that closes nothing. Remove it.';
    } else {
      return true;
    }
    return false;
  }

  private keep(bytes: Buffer): void {
    this.keptBytes += bytes.length;
    if (this.keptBytes > this.maxBytes) this.kept = [];
    else this.kept.push(bytes);
  }

  private take(tail: Buffer): Line {
    this.keep(tail);
    const bytes = this.keptBytes > this.maxBytes ? undefined : Buffer.concat(this.kept);
    const element: Line = { number: this.startLine, bytes, isUnterminated: false };
    this.kept = [];
    this.keptBytes = 0;
    this.startLine = 0;
    this.wantsElement = false;
    this.hasElements = true;
    return element;
  }
}
