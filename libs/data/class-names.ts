/** Classes of examples, by name and by number. */
import { listed, quote } from '#base/quote.js';

/** The classes that a model tells apart, by name and by number. */
export class ClassNames {
  private readonly byName: ReadonlyMap<string, number>;
  /** Digits are numbers of classes unless some name is made of them. */
  private readonly takesNumbers: boolean;

  constructor(readonly names: readonly string[]) {
    this.byName = new Map(names.map((name, number) => [name, number]));
    this.takesNumbers = !names.some(isNumber);
  }

  /** The number of a class that is written as its name or its number; undefined for one that there is not. */
  find(label: string): number | undefined {
    const named = this.byName.get(label);
    if (named !== undefined || !this.takesNumbers || !isNumber(label)) return named;
    const number = Number(label);
    return number < this.names.length ? number : undefined;
  }
}

function isNumber(label: string): boolean {
  return /^(0|[1-9]\d{0,8})$/.test(label);
}

/** Names in the order that they have where nothing else is said: numbers by size, others by their characters. */
export function sortedNames(names: Iterable<string>): string[] {
  const all = [...names];
  if (all.every(isNumber)) return all.sort((a, b) => Number(a) - Number(b));
  return all.sort((a, b) => (a < b ? -1 : 1));
}

/** What is wrong with a class that there is not. */
export function explainUnknownClass(label: string, names: readonly string[]): string {
  return `there is no class ${quote(label)}; the classes are ${listed(names, 10)}. Correct it, or name it among the labels of the method.`;
}
