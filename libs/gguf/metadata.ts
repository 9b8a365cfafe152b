/** What the metadata of a GGUF file says, asked for by key and type. */
import { UnsupportedError } from '#base/errors.js';
import { GgufError, type GgufFile, type PlainValue } from '#gguf/read.js';

export class Metadata {
  constructor(readonly file: GgufFile) {}

  /** `llama`, say. Throws GgufError. */
  get architecture(): string {
    return this.text('general.architecture');
  }

  has(key: string): boolean {
    return this.file.metadata.has(key);
  }

  /** A number; `otherwise` where there is none. Throws GgufError for another type, and without both. */
  number(key: string, otherwise?: number): number {
    return this.read(key, otherwise, (value) => typeof value === 'number', 'a number');
  }

  text(key: string, otherwise?: string): string {
    return this.read(key, otherwise, (value) => typeof value === 'string', 'a text');
  }

  flag(key: string, otherwise: boolean): boolean {
    return this.read(key, otherwise, (value) => typeof value === 'boolean', 'true or false');
  }

  texts(key: string, otherwise?: readonly string[]): readonly string[] {
    const isTexts = (value: PlainValue): value is readonly string[] =>
      Array.isArray(value) && value.every((one) => typeof one === 'string');
    return this.read(key, otherwise, isTexts, 'a list of texts');
  }

  numbers(key: string, otherwise?: readonly number[]): readonly number[] {
    const isNumbers = (value: PlainValue): value is readonly number[] =>
      Array.isArray(value) && value.every((one) => typeof one === 'number');
    return this.read(key, otherwise, isNumbers, 'a list of numbers');
  }

  /** A number that may stand for each layer; UnsupportedError where layers differ. */
  sameForLayers(key: string, otherwise?: number): number {
    const value = this.file.metadata.get(key);
    if (!Array.isArray(value)) return this.number(key, otherwise);
    const [first, ...rest] = this.numbers(key);
    if (first !== undefined && rest.every((one) => one === first)) return first;
    throw new UnsupportedError(`${this.file.path}: ${key} differs from layer to layer, which is not done`);
  }

  private read<T extends PlainValue>(
    key: string,
    otherwise: T | undefined,
    is: (value: PlainValue) => boolean,
    what: string,
  ): T {
    const value = this.file.metadata.get(key) ?? otherwise;
    if (value === undefined) throw new GgufError(this.file.path, `has no ${key} in its metadata`);
    if (!is(value)) throw new GgufError(this.file.path, `has ${key} in its metadata, which is not ${what}`);
    return value as T;
  }
}

/** The shortest decimal that names the same float32: 1e-5, where a double says 9.999999747378752e-6. */
export function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === Math.fround(value)) return rounded;
  }
  return value;
}
