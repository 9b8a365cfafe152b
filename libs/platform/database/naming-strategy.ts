/** How classes and properties are called in Postgres: snake_case, and constraints after what they hold. */
import { DefaultNamingStrategy, type NamingStrategyInterface, type Table } from 'typeorm';

/** `storedFile` and `StoredFile` become `stored_file`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** Names that a person can read in an error of the database, instead of hashes. */
export class SnakeCaseNames extends DefaultNamingStrategy implements NamingStrategyInterface {
  override tableName(className: string, given: string | undefined): string {
    return given ?? snakeCase(className);
  }

  override columnName(property: string, given: string | undefined, prefixes: string[]): string {
    return snakeCase([...prefixes, given ?? property].join('_'));
  }

  override primaryKeyName(table: Table | string): string {
    return `${this.getTableName(table)}_pkey`;
  }

  override uniqueConstraintName(table: Table | string, columns: string[]): string {
    return this.short(`${this.getTableName(table)}_${columns.join('_')}_key`);
  }

  override indexName(table: Table | string, columns: string[]): string {
    return this.short(`${this.getTableName(table)}_${columns.map(snakeCase).join('_')}_idx`);
  }

  /** With a digest, so that another condition gets another name: TypeORM compares nothing but names. */
  override checkConstraintName(table: Table | string, expression: string): string {
    return this.short(`${this.getTableName(table)}_${this.hash(expression).slice(0, 8)}_check`);
  }

  /** Postgres cuts names at 63 bytes, and then they would never equal what TypeORM expects. */
  private short(name: string): string {
    return name.length <= 63 ? name : `${name.slice(0, 52)}_${this.hash(name).slice(0, 10)}`;
  }
}
