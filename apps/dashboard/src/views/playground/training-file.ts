/** A row at the end of a data file: files never change, so a new one is made of the old one's content. */

/** The name of a file that goes on from another, such as `chats-2.jsonl` after `chats.jsonl`. */
export function nextName(filename: string): string {
  const [, stem = filename, count, ending = ''] = /^(.*?)(?:-(\d+))?(\.[^.]*)?$/s.exec(filename) ?? [];
  return `${stem}-${count === undefined ? 2 : Number(count) + 1}${ending || '.jsonl'}`;
}

const lineEnd = 0x0a;

/** JSON lines in UTF-8 with a row more; `old` null for a file of its own. Throws for a file that is something else. */
export async function withRow(old: Blob | null, row: object): Promise<Blob> {
  const line = `${JSON.stringify(row)}\n`;
  if (old === null || old.size === 0) return new Blob([line]);
  const bytesOf = async (part: Blob) => new Uint8Array(await part.arrayBuffer());
  const [first = 0, second = 0] = await bytesOf(old.slice(0, 2));
  const isWide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isWide) throw new Error('The file is in UTF-16, to which no row can be added here.');
  const [last] = await bytesOf(old.slice(-1));
  return new Blob([old, last === lineEnd ? line : `\n${line}`]);
}
