/** JSON lines: an object on each line, in UTF-8. */
import type { Report } from '#data/field-report.js';
import { decodeLine, parseLine } from '#data/formats/json-line.js';
import { readLines } from '#data/formats/lines.js';
import type { DataRecord, FileHead, ReadContext, StreamedSource } from '#data/formats/row-source.js';

export const jsonLines: StreamedSource = {
  name: 'jsonl',
  isTable: false,

  detects({ firstLine }: FileHead): boolean {
    // An object alone on its line may still be JSON spread over several.
    return firstLine !== undefined && /^\s*\{[^\0]/.test(firstLine.text);
  },

  async *read({
    chunks,
    problems,
    maxRecordBytes,
    isCut,
  }: ReadContext): AsyncIterable<readonly DataRecord[]> {
    for await (const lines of readLines(chunks, maxRecordBytes)) {
      const records: DataRecord[] = [];
      for (const line of lines) {
        if (problems.isFull) return;
        if (line.isUnterminated && isCut()) continue;
        const report: Report = (field, code, message) => problems.add(line.number, field, code, message);
        const text = decodeLine(line, maxRecordBytes, report);
        if (text === undefined || text.trim() === '') continue;
        const fields = parseLine(text, line, report);
        if (fields) records.push({ line: line.number, fields });
      }
      yield records;
    }
  },
};
