/** Two texts in two columns. */

/** Breaks a text into lines of at most `width` characters, between words where there are any. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (let word of paragraph.split(' ')) {
      for (; word.length > width; word = word.slice(width)) lines.push(word.slice(0, width));
      const line = lines.at(-1)!;
      const longer = line === '' ? word : `${line} ${word}`;
      if (longer.length <= width) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    return lines.filter((line, at) => line !== '' || at > 0);
  });
}

export interface Column {
  readonly title: string;
  readonly text: string;
}

/** The lines of two titled columns, `width` characters in all. */
export function sideBySide(left: Column, right: Column, width: number): string[] {
  const columnWidth = Math.floor((width - 3) / 2);
  const linesOf = ({ title, text }: Column) => [
    title,
    '-'.repeat(Math.min(title.length, columnWidth)),
    ...wrap(text, columnWidth),
  ];
  const [lefts, rights] = [linesOf(left), linesOf(right)];
  return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, at) =>
    `${(lefts[at] ?? '').padEnd(columnWidth)} | ${rights[at] ?? ''}`.trimEnd(),
  );
}
