/** Names of repositories of a hub, as `OWNER/NAME` or `OWNER/NAME@REVISION`. */
import { LowrankError } from '#base/errors.js';
import { quote } from '#base/quote.js';

export interface HubName {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** A branch, a tag or a commit; null for the repository's own choice. */
  readonly revision: string | null;
}

const part = String.raw`[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?`;
const syntax = new RegExp(String.raw`^(${part}/${part})(?:@([A-Za-z0-9_][A-Za-z0-9_./-]*))?$`);

/** Whether a text can be the name of a repository of a hub. */
export const isHubName = (text: string): boolean => parse(text) !== null;

/** The parts of a name. Throws LowrankError `model_name_invalid`. */
export function parseHubName(text: string): HubName {
  const name = parse(text);
  if (name) return name;
  throw new LowrankError(
    'model_name_invalid',
    `${quote(text)} names no model of a hub: write OWNER/NAME, or OWNER/NAME@REVISION for a branch, a tag or a commit`,
  );
}

function parse(text: string): HubName | null {
  if (text.length > 300 || text.includes('..') || text.includes('--')) return null;
  const [, repository, revision = null] = syntax.exec(text) ?? [];
  return repository === undefined ? null : { repository, revision };
}

/** Whether a list of patterns, each `OWNER/NAME` with `*` for any part of it, has a name. */
export function isListed(repository: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const escaped = pattern.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
    return new RegExp(`^${escaped.join('.*')}$`, 'i').test(repository);
  });
}
