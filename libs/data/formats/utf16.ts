/** Text in UTF-16, as spreadsheets and PowerShell save it. */
import type { ProblemCollector } from '#data/data-error.js';

export type ByteOrder = 'utf-16le' | 'utf-16be';

/** The byte order of text in UTF-16: by its mark, or by the zeros beside the ASCII that a data set begins with. */
export function utf16Of(start: Buffer): ByteOrder | undefined {
  const [a, b, c, d] = start;
  // UTF-32 begins with the same mark.
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? undefined : 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  const zeros = [a, b, c, d].map((byte) => byte === 0).join();
  if (zeros === 'false,true,false,true') return 'utf-16le';
  return zeros === 'true,false,true,false' ? 'utf-16be' : undefined;
}

interface DecodeOptions {
  readonly order: ByteOrder;
  readonly problems: ProblemCollector;
  readonly isBeginning: boolean;
}

/** The same text in UTF-8, without a byte order mark. What is no text is a problem, and ends it. */
export async function* toUtf8(
  chunks: AsyncIterable<Buffer>,
  { order, problems, isBeginning }: DecodeOptions,
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(order, { fatal: true });
  let line = 1;
  try {
    for await (const chunk of chunks) {
      const text = decoder.decode(chunk, { stream: true });
      yield Buffer.from(text, 'utf8');
      line += text.split('\n').length - 1;
    }
    if (!isBeginning) decoder.decode();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    problems.add(
      line,
      '',
      'not_utf16',
      'there is half of a character in UTF-16 near here. Save the file as UTF-8.',
    );
    problems.stop();
  }
}
