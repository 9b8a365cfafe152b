/**
 * What a backend of @tensorflow/tfjs-node is built from. Every file that is fetched is named here with its version and
 * its digest; the registries are those that npm and pip are set up for.
 */
import { createHash } from 'node:crypto';
import type { TfjsNodeKind } from '#runtime/device.js';
import type { NpmPackage } from '../installing/packages.js';
import type { Wheel } from '../installing/wheels.js';

export interface Recipe {
  /** The package with the backend's JavaScript and the source of its addon. */
  readonly backend: NpmPackage;
  /** The headers of Node-API, which do not change between versions of Node. */
  readonly headers: NpmPackage;
  /** What the backend's JavaScript needs beside TensorFlow.js. */
  readonly protobuf: NpmPackage;
  /** TensorFlow's libraries and the headers of its C API. */
  readonly tensorflow: Wheel;
  /** Libraries of CUDA. */
  readonly cuda: readonly Wheel[];
  /** Room that the installation takes while it is built, in gigabytes. */
  readonly gigabytes: number;
}

const version = '4.22.0';

const common = {
  headers: {
    name: 'node-api-headers',
    version: '1.9.0',
    integrity:
      'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
  },
  protobuf: {
    name: 'google-protobuf',
    version: '3.21.4',
    integrity:
      'sha512-MnG7N936zcKTco4Jd2PX2U96Kf9PxygAPKBug+74LHzmHXmceN16MmRcdgZv+DGef/S9YvQAfRsNCn4cjf9yyQ==',
  },
} as const;

/** What TensorFlow 2.21 is built for: CUDA 12.5 and cuDNN 9.3. */
const cuda: readonly (readonly [name: string, version: string, bytes: number, sha256: string])[] = [
  [
    'nvidia-cublas-cu12',
    '12.5.3.2',
    363_313_169,
    'ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b',
  ],
  [
    'nvidia-cuda-cupti-cu12',
    '12.5.82',
    13_811_507,
    'bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953',
  ],
  [
    'nvidia-cuda-nvcc-cu12',
    '12.5.82',
    22_468_537,
    'b03e545b8e8c3ce7ebcd7fc44063180ff52ff01d064ece2127ed90a04ef12cd0',
  ],
  [
    'nvidia-cuda-nvrtc-cu12',
    '12.5.82',
    24_873_108,
    '3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd',
  ],
  [
    'nvidia-cuda-runtime-cu12',
    '12.5.82',
    895_707,
    '3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115',
  ],
  [
    'nvidia-cudnn-cu12',
    '9.3.0.75',
    577_163_502,
    '9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d',
  ],
  [
    'nvidia-cufft-cu12',
    '11.2.3.61',
    192_524_114,
    '9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8',
  ],
  [
    'nvidia-curand-cu12',
    '10.3.6.82',
    56_309_107,
    '2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536',
  ],
  [
    'nvidia-cusolver-cu12',
    '11.6.3.83',
    130_341_232,
    '93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b',
  ],
  [
    'nvidia-cusparse-cu12',
    '12.5.1.3',
    217_558_979,
    '016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752',
  ],
  [
    'nvidia-nccl-cu12',
    '2.27.7',
    322_546_339,
    'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa',
  ],
  [
    'nvidia-nvjitlink-cu12',
    '12.5.82',
    21_298_879,
    'f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212',
  ],
];

export const recipes: Readonly<Record<TfjsNodeKind, Recipe>> = {
  'tfjs-node': {
    ...common,
    backend: {
      name: '@tensorflow/tfjs-node',
      version,
      integrity:
        'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
    },
    // The newest whose int32 Round is right: 2.18 to 2.21 give zeros.
    tensorflow: {
      name: 'tensorflow-cpu',
      version: '2.15.1',
      sha256: '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
      bytes: 207_208_420,
    },
    cuda: [],
    gigabytes: 2,
  },
  'tfjs-node-gpu': {
    ...common,
    backend: {
      name: '@tensorflow/tfjs-node-gpu',
      version,
      integrity:
        'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==',
    },
    // Older ones have no kernels for today's GPUs.
    tensorflow: {
      name: 'tensorflow',
      version: '2.21.0',
      sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      bytes: 572_440_367,
    },
    cuda: cuda.map(([name, version, bytes, sha256]) => ({ name, version, bytes, sha256 })),
    gigabytes: 9,
  },
};

/** Raised when the same files are put together in another way. */
const layout = 1;

/** Names what would be installed: two installations of one digest are alike. */
export function recipeDigest(recipe: Recipe): string {
  return createHash('sha256').update(JSON.stringify({ layout, recipe })).digest('hex');
}
