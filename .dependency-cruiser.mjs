/** The rooms, lowest first: a room imports only from itself and from rooms before it in this list. */
const libs = [
  'base',
  'jit',
  'runtime',
  'data',
  'nn',
  'models',
  'lora',
  'layers-model',
  'adapters',
  'generation',
  'training',
  'hub',
  'contracts',
  'platform',
  'jobs',
];
/** Libraries that a person could use alone: pure numbers, no framework, no database, no environment. */
const numerical = [
  'base',
  'jit',
  'runtime',
  'data',
  'nn',
  'models',
  'lora',
  'layers-model',
  'adapters',
  'generation',
  'training',
];

const upwards = libs.map((room, index) => ({
  name: `${room}-imports-only-downwards`,
  severity: 'error',
  from: { path: `^libs/${room}/` },
  to: { path: [...libs.slice(index + 1).map((above) => `^libs/${above}/`), '^apps/'] },
}));

export default {
  forbidden: [
    ...upwards,
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'numerical-libs-are-pure',
      severity: 'error',
      from: { path: `^libs/(${numerical.join('|')})/` },
      to: { path: 'node_modules/(@nestjs|bullmq|ioredis|pg|typeorm|minio|express)/' },
    },
    {
      name: 'the-api-never-loads-the-engine',
      comment: 'planning a job needs specifications only; numbers are computed by workers',
      severity: 'error',
      from: { path: '^apps/api/' },
      to: {
        path: '(node_modules/(@tensorflow|onnxruntime)|^libs/(jit/ops|runtime/session))',
        reachable: true,
      },
    },
    {
      name: 'one-door-to-tensorflow',
      comment: 'libs/jit/ops.ts is the only file that imports @tensorflow/tfjs-core',
      severity: 'error',
      from: { pathNot: '^libs/jit/ops\\.ts$' },
      to: { path: 'node_modules/@tensorflow/tfjs-core/' },
    },
    {
      name: 'one-door-to-onnxruntime',
      severity: 'error',
      from: { pathNot: '^(libs/runtime/|bench/|test/)' },
      to: { path: 'node_modules/onnxruntime-' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.test\\.ts$' },
      to: { path: '(\\.test\\.ts$|^test/)' },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
};
