/** Variables of the environment, read with what is wrong with them. */
import path from 'node:path';
import { LowrankError } from '#base/errors.js';

/** Scheme, host and port of a web page, as browsers send them. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** Reads variables and gathers what is wrong with them. An empty one counts as not set, as Compose files make them. */
export class Variables {
  private readonly problems: string[] = [];

  constructor(private readonly env: Readonly<Record<string, string | undefined>>) {}

  isSet(name: string): boolean {
    return this.text(name) !== null;
  }

  text(name: string): string | null {
    const value = this.env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  }

  number(
    name: string,
    fallback: number,
    { min, max, whole = false }: { min: number; max: number; whole?: boolean },
  ): number {
    const text = this.text(name);
    if (text === null) return fallback;
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max && (!whole || Number.isInteger(value))) {
      return value;
    }
    this.problem(name, `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
    return fallback;
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return fallback;
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) this.problem(name, `must be one of ${values.join(', ')}`);
    return value ?? fallback;
  }

  url(name: string, protocols: readonly string[]): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url !== null && protocols.includes(url.protocol) && url.hostname !== '') return text;
    this.problem(name, `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`);
    return null;
  }

  /** Null for `auto`. */
  list(name: string): readonly string[] | null {
    const text = this.text(name);
    if (text === null || text === 'auto') return null;
    const entries = text.split(',').map((entry) => entry.trim());
    if (entries.every((entry) => /^[a-z0-9:_-]+$/.test(entry))) return entries;
    this.problem(name, 'must be auto, or names of devices with commas between them');
    return null;
  }

  /** Absolute paths with colons between them (semicolons on Windows). */
  folders(name: string): readonly string[] | null {
    const text = this.text(name);
    if (text === null) return null;
    const entries = text.split(path.delimiter).filter((entry) => entry !== '');
    if (entries.every((entry) => path.isAbsolute(entry))) return entries;
    this.problem(name, `must be absolute paths with "${path.delimiter}" between them`);
    return null;
  }

  /** A path without a slash at its end; empty for the root. */
  pathPrefix(name: string): string {
    const prefix = (this.text(name) ?? '').replace(/\/+$/, '');
    if (/^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/.test(prefix)) return prefix;
    this.problem(name, 'must be a path such as /lowrank, of letters, digits and - . _ ~');
    return '';
  }

  /** Origins with commas between them, or `*`. */
  origins(name: string): readonly string[] {
    const entries = (this.text(name) ?? '')
      .split(',')
      .flatMap((entry) => entry.trim().replace(/\/$/, '') || []);
    if (entries.every((entry) => entry === '*' || isOrigin(entry))) return entries;
    this.problem(name, 'must be origins such as https://app.example.com with commas between them, or *');
    return [];
  }

  /** Names of models with commas between them, `*` for any part of one. */
  patterns(name: string): readonly string[] {
    const entries = (this.text(name) ?? '').split(',').flatMap((entry) => entry.trim() || []);
    if (entries.every((entry) => /^(\*|[A-Za-z0-9_.*-]+\/[A-Za-z0-9_.*-]+)$/.test(entry))) return entries;
    this.problem(name, 'must be names of models such as org/* or org/name with commas between them, or *');
    return [];
  }

  problem(name: string, text: string): void {
    this.problems.push(`${name} ${text}`);
  }

  throwProblems(): void {
    if (this.problems.length === 0) return;
    throw new LowrankError('configuration', `invalid environment: ${this.problems.join('; ')}`, {
      details: { problems: this.problems },
    });
  }
}
