/** Why a file or folder that somebody named cannot be read, and what to do, by the code of the file system. */
const problems: Readonly<Record<string, string>> = {
  ENOENT: 'is missing',
  ENOTDIR: 'is missing: a part of its path is a file, not a folder',
  EISDIR: 'is a folder, not a file',
  ELOOP: 'is a symbolic link that leads back to itself: link it anew',
  EACCES: 'may not be read: give the account that this program runs as the right to read it',
  EPERM: 'may not be read: give the account that this program runs as the right to read it',
  EIO: 'cannot be read from its disk (EIO): check the disk',
};

/** What keeps a file or folder from being read; to follow its name. */
export function fileProblem(error: unknown): string {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return problems[code ?? ''] ?? `cannot be read (${code ?? String(error)})`;
}
