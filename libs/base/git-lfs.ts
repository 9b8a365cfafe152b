/** Git LFS pointers: the short text that stands for a file in a clone made without Git LFS. */

const firstLine = 'version https://git-lfs.github.com/spec/v1';

/** Whether a file that begins with these bytes is a pointer, not the file itself. */
export function isGitLfsPointer(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, firstLine.length)).toString('latin1') === firstLine;
}

/** What a pointer is, and how to get the file; to follow the name of the file. */
export const gitLfsPointer =
  'is a Git LFS pointer, not the file itself. Run "git lfs pull" in the repository that it comes from, or download the file again.';
