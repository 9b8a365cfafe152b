/** NVIDIA's driver as far as the libraries of CUDA look before they look for a device. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** `version` as cuDriverGetVersion gives it: 1000 times the major number, 10 times the minor one. */
const driver = (version: number) => `
#include <string.h>
#include <stddef.h>

/* CUDA_ERROR_NO_DEVICE */
static int none(void) { return 100; }

int cuInit(unsigned flags) { (void)flags; return none(); }
int cuDriverGetVersion(int *version) { *version = ${version}; return 0; }
int cuTensorMapEncodeTiled(void) { return none(); }

int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long flags, int *found) {
  (void)version, (void)flags;
  if (strcmp(name, "cuDriverGetVersion") == 0) *function = (void *)cuDriverGetVersion;
  else if (strncmp(name, "cuGetProcAddress", 16) == 0) *function = (void *)cuGetProcAddress_v2;
  else *function = (void *)none;
  if (found != NULL) *found = 0;
  return 0;
}

int cuGetProcAddress(const char *name, void **function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
`;

export const stubDrivers = {
  /** Of CUDA 13, without a device. */
  noDevice: driver(13_000),
  /** Of CUDA 12.4. */
  old: driver(12_040),
} as const;

export type StubDriver = keyof typeof stubDrivers;

/** Compiles a driver into a folder, which it returns. */
export async function compileStubDriver(source: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'driver.c');
  await writeFile(file, source);
  const library = ['-shared', '-fPIC', '-Wl,-soname,libcuda.so.1', '-o', join(folder, 'libcuda.so.1')];
  await promisify(execFile)('gcc', [...library, file]);
  return folder;
}
