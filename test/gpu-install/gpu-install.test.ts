import { execFile } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { prepareTinyJob, startTestStack } from '../e2e/stack.js';
import type { StubDriver } from './stub-driver.js';

const main = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');
const home = inject('gpuHome');
const libraries = join(home, 'cuda/lib');

const withDriver = (driver: StubDriver): NodeJS.ProcessEnv => ({
  ...process.env,
  LOWRANK_HOME: home,
  LD_LIBRARY_PATH: inject('stubDrivers')[driver],
});

/** What doctor says of a device. */
async function doctor(driver: StubDriver): Promise<(device: string) => Record<string, unknown> | undefined> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'doctor', '--json'], {
    env: withDriver(driver),
  });
  const { devices } = JSON.parse(stdout) as { devices: Record<string, unknown>[] };
  return (device) => devices.find(({ name }) => name === device);
}

const noDevice = {
  ok: false,
  code: 'device_missing',
  about: 'CUDA error 100: no CUDA-capable device is detected',
  fix: expect.stringContaining('nvidia-smi') as unknown,
};

test("the CUDA provider and tfjs-node-gpu come as far as CUDA's own error for no device", async () => {
  const device = await doctor('noDevice');
  expect(device('cuda')).toMatchObject(noDevice);
  expect(device('tfjs-node-gpu')).toMatchObject(noDevice);
  expect(device('cpu')).toMatchObject({ ok: true });
});

test('a driver that is too old is named, with the one that is needed', async () => {
  const device = await doctor('old');
  expect(device('cuda')).toMatchObject({
    code: 'driver_too_old',
    fix: expect.stringContaining('580 or newer') as unknown,
  });
});

// Another toolkit on the machine may have one that is missing, so these are damaged.
test.each(['libcurand.so.10', 'libcublasLt.so.13', 'libcudart.so.13'])(
  'the library %s is named when it does not load',
  async (library) => {
    const [there, away] = [join(libraries, library), join(home, library)];
    await rename(there, away);
    await writeFile(there, '');
    try {
      const device = await doctor('noDevice');
      expect(device('cuda')).toMatchObject({
        code: 'dependency_missing',
        about: `the library ${library} is damaged (file too short)`,
        fix: 'lowrank doctor --install cuda',
      });
    } finally {
      await rename(away, there);
    }
  },
);

test('a worker finds the libraries by itself, and tells a job that waits for the GPU what CUDA says', async () => {
  const stack = await startTestStack({
    environment: { ...withDriver('noDevice'), PORT: '0', WORKER_DEVICES: 'cpu,cuda' },
  });
  try {
    const job = await prepareTinyJob(stack);
    const { waiting } = await stack.client.jobs.create({ ...job, device: 'cuda' });
    expect(waiting).toMatchObject({
      code: 'device_missing',
      message: expect.stringContaining(noDevice.about) as unknown,
    });
  } finally {
    await stack.close();
  }
});

test.each(['cuda', 'tfjs-node-gpu'])('%s that is installed is not installed again', async (kind) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [main, 'doctor', '--install', kind, '--json'],
    { env: { ...withDriver('noDevice'), PATH: '/nowhere' } },
  );
  expect(JSON.parse(stdout)).toMatchObject({ kind, new: false });
});
