/** Columns under the names of the fields that they are meant for. */
import { nearestNames } from '#base/nearest-names.js';
import type { DataForm } from '#data/data-form.js';
import type { Report } from '#data/field-report.js';
import type { Fields } from '#data/formats/row-source.js';

/** Gives columns the names of the fields that they are meant for. */
export class ColumnNames {
  private readonly entries: readonly (readonly [field: string, column: string])[];
  private isChecked = false;

  constructor(columns: DataForm['columns']) {
    this.entries = Object.entries(columns ?? {});
  }

  /** Whether a column is meant for a field. */
  has(column: string): boolean {
    return this.entries.some(([, name]) => name === column);
  }

  /** Undefined where a problem was reported: the first record does not have a column. */
  rename(fields: Fields, report: Report): Fields | undefined {
    if (this.entries.length === 0) return fields;
    if (!this.isChecked) {
      this.isChecked = true;
      const names = Object.keys(fields);
      const missing = this.entries.filter(([, column]) => !(column in fields));
      for (const [field, column] of missing)
        report(field, 'unknown_column', explainMissing(field, column, names));
      if (missing.length > 0) return undefined;
    }
    const rest = Object.entries(fields).filter(([name]) => !this.has(name));
    const renamed = this.entries.flatMap(([field, column]) =>
      column in fields ? [[field, fields[column]] as const] : [],
    );
    return { ...Object.fromEntries(rest), ...Object.fromEntries(renamed) };
  }
}

function explainMissing(field: string, column: string, names: readonly string[]): string {
  const nearest = nearestNames(column, names);
  const hint =
    nearest.length > 0
      ? `Did you mean ${nearest.map((name) => `"${name}"`).join(' or ')}?`
      : `It has: ${names.slice(0, 20).join(', ')}.`;
  return `columns says that "${field}" is the column "${column}", which the file does not have. ${hint}`;
}
