/**
 * Environment variables that a process which trains should be started with: its big blocks of memory in huge pages
 * (glibc 2.35 and later; others ignore it).
 */
export const trainingEnvironment: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};
