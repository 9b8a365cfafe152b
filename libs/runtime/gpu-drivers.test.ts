import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { gpusOnBus, nvidiaDriverVersion } from './gpu-drivers.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpu-drivers-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function plug(slot: string, kind: string, vendor: string): Promise<void> {
  await mkdir(join(folder, slot));
  await writeFile(join(folder, slot, 'class'), `${kind}\n`);
  await writeFile(join(folder, slot, 'vendor'), `${vendor}\n`);
}

test('GPUs are told from what else their makers sell, and from the displays of virtual machines', async () => {
  await plug('0000:00:02.0', '0x030000', '0x8086');
  await plug('0000:01:00.0', '0x030200', '0x10de');
  await plug('0000:01:00.1', '0x040300', '0x1002');
  await plug('0000:02:00.0', '0x030000', '0x1af4');
  await mkdir(join(folder, '0000:03:00.0'));
  expect(gpusOnBus(folder)).toEqual(['nvidia', 'intel']);
  expect(gpusOnBus(join(folder, 'none'))).toEqual([]);
});

test('the version of the driver is read from what the kernel says', async () => {
  const file = join(folder, 'version');
  const line = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n';
  await writeFile(file, `${line}GCC version:  gcc version 12.2.0\n`);
  expect(nvidiaDriverVersion(file)).toBe('535.104.05');
  await writeFile(
    file,
    line
      .replace('UNIX x86_64 Kernel', 'UNIX Open Kernel Module for x86_64')
      .replace('535.104.05', '580.65.06'),
  );
  expect(nvidiaDriverVersion(file)).toBe('580.65.06');
  expect(nvidiaDriverVersion(join(folder, 'none'))).toBeUndefined();
});
