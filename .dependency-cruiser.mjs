/** The rooms, lowest first: a room imports only from itself and from rooms before it in this list. */
const libs = [
  'base',
  'gguf',
  'jit',
  'runtime',
  'images',
  'data',
  'nn',
  'models',
  'lora',
  'layers-model',
  'adapters',
  'generation',
  'training',
  'hub',
  'trackers',
  'contracts',
  'client',
  'platform',
  'jobs',
];
/** Libraries that a person could use alone: pure numbers, no framework, no database, no environment. */
const numerical = [
  'base',
  'gguf',
  'jit',
  'runtime',
  'images',
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
      comment:
        'planning a job needs names and shapes only; numbers are computed by workers. The layers of a model load nothing ' +
        'until they compute, so what must not be reached is whatever makes them: the tracer and the runners',
      severity: 'error',
      from: { path: '^apps/api/' },
      to: {
        path:
          '(node_modules/onnxruntime|^libs/jit/trace(-backend)?\\.ts$' +
          '|^libs/runtime/(compile|compiled-runner|eager-runner|session|tfjs-node|version)\\.ts$)',
        reachable: true,
      },
    },
    {
      name: 'the-api-opens-no-callers-files',
      comment:
        'archives and weights keep whoever opens them busy: that is for the processes that the API starts',
      severity: 'error',
      from: { path: '^apps/api/', pathNot: '(preview-main|\\.test)\\.ts$' },
      to: {
        path:
          '(node_modules/(yauzl|sharp)/|^libs/adapters/(read-adapter|open-members|adapter-digest)\\.ts$' +
          '|^libs/data/dataset\\.ts$|^libs/images/decode-image\\.ts$|^libs/models/safetensors\\.ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-client-is-for-those-who-call-the-api',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '^(libs/client|apps/(cli|dashboard))/' },
      to: { path: '^libs/client/' },
    },
    {
      name: 'the-client-knows-contracts-only',
      comment: 'it runs in browsers, and nothing of the service may come with it',
      severity: 'error',
      from: { path: '^libs/client/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^libs/(client|base|contracts/http)/', 'node_modules/(zod|eventsource-parser)/'] },
    },
    {
      name: 'one-door-to-tensorflow',
      comment: 'libs/jit/door.ts is the only file that knows @tensorflow/tfjs-core',
      severity: 'error',
      from: { pathNot: '^libs/jit/door\\.ts$' },
      to: { path: 'node_modules/@tensorflow/tfjs-core/' },
    },
    {
      name: 'tensorflow-is-loaded-on-first-use',
      comment: 'an import that outlives compilation would load it with the program',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.test\\.ts$' },
      to: { path: 'node_modules/@tensorflow/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'one-door-to-onnxruntime',
      severity: 'error',
      from: { pathNot: '^(libs/runtime/|bench/|test/)' },
      to: { path: 'node_modules/onnxruntime-' },
    },
    {
      name: 'one-door-to-the-decoder-of-images',
      severity: 'error',
      from: { pathNot: '^(libs/images/decode-image\\.ts$|tools/|test/)' },
      to: { path: 'node_modules/(sharp|@img)/' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['\\.test\\.ts$', '^apps/[^/]+/test/'] },
      to: { path: ['\\.test\\.ts$', '^test/', '^apps/[^/]+/test/'] },
    },
    {
      name: 'no-undeclared-dependency',
      comment:
        'tools/clients and tools/llama-cpp have packages of their own, which are installed by whoever runs them',
      severity: 'error',
      from: { pathNot: '^tools/(clients|llama-cpp)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@lowrank/source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
};
