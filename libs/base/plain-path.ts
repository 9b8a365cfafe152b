const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether a name is one that every file system, store and address takes as it is. */
export const isPlainName = (name: string): boolean => plainName.test(name);

/** Whether a path with `/` is such names throughout, and so leads into a folder, never out of it. */
export const isPlainPath = (path: string): boolean => path.split('/').every(isPlainName);
