/** The rows of a row group, read a few at a time. */
import type { DecodedArray, RowGroup, SchemaTree } from 'hyparquet';
import { assembleNested } from 'hyparquet/src/assemble.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import { LeafColumn } from '#data/formats/parquet/leaf-column.js';
import { damaged, ParquetProblem, soundly } from '#data/formats/parquet/problem.js';
import type { RandomAccess } from '#data/formats/random-access.js';

/** A column as people see it, made of one column of values or of several. */
class Column {
  private readonly leaves: readonly { readonly path: string; readonly leaf: LeafColumn }[];

  constructor(
    file: RandomAccess,
    { columns }: RowGroup,
    private readonly root: SchemaTree,
    private readonly tree: SchemaTree,
  ) {
    const { name } = tree.element;
    this.leaves = leavesOf(tree).map(({ path }) => {
      const key = path.join('.');
      const found = columns.find((each) => each.meta_data?.path_in_schema.join('.') === key);
      if (!found?.meta_data) throw this.unreadable(columns.some(({ crypto_metadata: secret }) => secret));
      return {
        path: key,
        leaf: new LeafColumn(file, { name, path: getTreePath(this.root, path), meta: found.meta_data }),
      };
    });
  }

  get name(): string {
    return this.tree.element.name;
  }

  async take(rows: number): Promise<DecodedArray> {
    const parts = new Map<string, DecodedArray>();
    for (const { path, leaf } of this.leaves) parts.set(path, await leaf.take(rows));
    const values = soundly(this.name, () => {
      if (this.tree.children.length > 0) assembleNested(parts, this.tree, DEFAULT_PARSERS);
      return parts.get(this.name);
    });
    if (values?.length !== rows) throw damaged(this.name, 'its parts are of different lengths');
    return values;
  }

  private unreadable(isSecret: boolean): ParquetProblem {
    return isSecret
      ? new ParquetProblem(
          'packing_unsupported',
          this.name,
          `the column "${this.name}" is encrypted. Write it without encryption.`,
        )
      : damaged(this.name, 'a row group does not have it');
  }
}

function leavesOf(tree: SchemaTree): SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap((child) => leavesOf(child));
}

export class RowGroupReader {
  private readonly columns: readonly Column[];

  constructor(file: RandomAccess, group: RowGroup, root: SchemaTree, columns: readonly SchemaTree[]) {
    this.columns = columns.map((tree) => new Column(file, group, root, tree));
  }

  /** The next rows, each with its columns by name. Throws ParquetProblem and the errors of the file. */
  async take(rows: number): Promise<Record<string, unknown>[]> {
    const taken = Array.from({ length: rows }, (): Record<string, unknown> => ({}));
    for (const column of this.columns) {
      const values = await column.take(rows);
      for (let i = 0; i < rows; i++) taken[i]![column.name] = (values[i] as unknown) ?? null;
    }
    return taken;
  }
}
