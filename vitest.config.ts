import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Under a name of our own: packages too have conditions that are called source. */
const conditions = {
  resolve: { conditions: ['@lowrank/source'] },
  ssr: { resolve: { conditions: ['@lowrank/source'] } },
};

/** What every project of tests shares. */
export const shared = {
  ...conditions,
  test: { testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' as const },
};

const timed = [
  'composition-previews',
  'http-job',
  'http-kills',
  'worker-jobs',
  'worker-trouble',
  'worst-bodies',
].map((name) => `test/e2e/${name}.test.ts`);

/** Tests of whole services, which run what is compiled. */
function services(
  name: string,
  { order, ...files }: { include: string[]; exclude?: string[]; maxWorkers: number; order: number },
) {
  return {
    ...shared,
    test: {
      ...shared.test,
      ...files,
      name,
      // Once more where a machine stood still for longer than a test allows; vitest tells of every repetition.
      retry: 1,
      sequence: { groupOrder: order },
      globalSetup: ['test/e2e/global-setup.ts', 'test/postgres-template.ts'],
    },
  };
}

/** Tests beside the code, which run it from its source. */
function unit(name: string, options: { include: string[]; exclude: string[]; isolate: boolean }) {
  return {
    ...shared,
    test: {
      ...shared.test,
      ...options,
      name,
      // One more than cores: those with a database wait for it now and then.
      maxWorkers: availableParallelism() + 1,
      globalSetup: ['test/postgres-template.ts'],
    },
  };
}

/**
 * What does not compute with TensorFlow.js: a process runs many of these files, and loads what they stand on once. The
 * backends and gradients of TensorFlow.js, in contrast, are those of a whole process.
 */
const sharing = [
  '{apps,bench,tools}/**/*.test.ts',
  'libs/{base,client,contracts,data,gguf,hub,images,jobs,platform}/**/*.test.ts',
  'test/contract/**/*.test.ts',
  'test/integration/{api,jobs}-*.test.ts',
  ...[
    'member-files',
    'mutated-bodies',
    'plan-time',
    'progress-writer',
    'request-bounds',
    'route-matrix',
    'task-kinds',
  ].map((name) => `test/integration/${name}.test.ts`),
];

/** Of those, what needs a process of its own: it replaces modules, or measures memory. */
const alone = ['libs/platform/heap-growth.test.ts', 'test/integration/api-full-disk.test.ts'];

/** Files that take longest and say little of it by their size, which decides where no times of an earlier run are known. */
const longest = [
  'task-kills',
  'worker-kills',
  'image-classifier',
  'machine-trouble',
  'trainer',
  'data-cases',
  'upgrade',
].map((name) => `/test/e2e/${name}.test.ts`);

/** Begins with what takes longest: begun last, it would keep everything waiting while other processes are idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => longest.some((name) => moduleId.endsWith(name));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      unit('unit', {
        include: ['libs/**/*.test.ts', 'test/{golden,integration,kernels}/**/*.test.ts'],
        exclude: sharing,
        isolate: true,
      }),
      unit('unit-alone', { include: alone, exclude: [], isolate: true }),
      unit('unit-shared', { include: sharing, exclude: alone, isolate: false }),
      services('e2e', {
        include: ['test/e2e/**/*.test.ts'],
        exclude: timed,
        // A worker mostly waits for the processes that it tests.
        maxWorkers: Math.max(3, availableParallelism() / 2),
        order: 1,
      }),
      // What judges how long something takes: alone, one after another.
      services('e2e-timed', { include: timed, maxWorkers: 1, order: 2 }),
    ],
  },
});
