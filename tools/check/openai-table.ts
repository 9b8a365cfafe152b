/** The table in a page, between its marks. */

const marks = /(<!-- fields -->\n)([\s\S]*?)(\n<!-- end of fields -->)/;
/** However wide a formatter made its columns. */
const bare = (table: string) => table.trim().replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');

/** The page with another table, and whether that says the same as the one it has. */
export function withTable(page: string, table: string): { written: string; isSame: boolean } {
  const had = marks.exec(page)?.[2];
  if (had === undefined) throw new Error('the page has no place for the table of fields');
  return {
    written: page.replace(marks, (_, before: string, __, after: string) => `${before}\n${table}\n${after}`),
    isSame: bare(had) === bare(table),
  };
}
