import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';

/** What is wrong with a text that is no JSON, without any of the text, which V8's own message quotes. */
export function jsonProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('Unexpected end')) return 'is JSON that breaks off';
  const place = /\(line (\d+) column (\d+)\)/.exec(message);
  return place ? `is not JSON (line ${place[1]}, column ${place[2]})` : 'is not JSON';
}

/** The same of a whole file, and what to do; to follow its name. */
export function jsonFileProblem(error: unknown, content: Uint8Array): string {
  if (isGitLfsPointer(content)) return gitLfsPointer;
  const problem = content.length === 0 ? 'is empty' : jsonProblem(error);
  return `${problem}. Download the file again.`;
}
