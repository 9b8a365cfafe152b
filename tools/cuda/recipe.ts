/**
 * What ONNX Runtime needs to compute on NVIDIA's GPUs: its provider and the libraries of CUDA 13, each with its version
 * and its digest.
 */
import { createHash } from 'node:crypto';
import type { Wheel } from '../installing/wheels.js';

export interface CudaRecipe {
  /** Of npm's onnxruntime-node: the provider works with this version and no other. */
  readonly onnxruntime: string;
  readonly wheels: readonly Wheel[];
  /** Names of the files that are kept, all of them libraries. */
  readonly libraries: readonly string[];
  readonly installedBytes: number;
  /** The oldest driver that knows this CUDA. */
  readonly minDriver: string;
}

/** CUDA 13.0, the first that the provider works with, and so the one that asks least of the driver. */
export const cudaRecipe: CudaRecipe = {
  onnxruntime: '1.30.0',
  wheels: [
    {
      name: 'onnxruntime-gpu',
      version: '1.30.0',
      sha256: '4fbf0c5d7b5fb99266c2e8a802e3e64af68bdc383e0f3c7349b985f1087eedaa',
      bytes: 246_658_419,
    },
    {
      name: 'nvidia-cuda-runtime',
      version: '13.0.96',
      sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
      bytes: 2_243_632,
    },
    {
      name: 'nvidia-cublas',
      version: '13.1.0.3',
      sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171',
      bytes: 423_133_236,
    },
    {
      name: 'nvidia-curand',
      version: '10.4.0.35',
      sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
      bytes: 59_544_258,
    },
    {
      name: 'nvidia-cuda-nvrtc',
      version: '13.0.88',
      sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
      bytes: 90_215_200,
    },
    {
      name: 'nvidia-cudnn-cu13',
      version: '9.15.1.9',
      sha256: 'ebc9a647918df0d7298d67cfaf41579fd4c78ead9aba246f5ad9414d61b9ec4c',
      bytes: 351_298_418,
    },
  ],
  libraries: [
    'libcublas.so.13',
    'libcublasLt.so.13',
    'libcudart.so.13',
    'libcudnn.so.9',
    'libcudnn_adv.so.9',
    'libcudnn_cnn.so.9',
    'libcudnn_engines_precompiled.so.9',
    'libcudnn_engines_runtime_compiled.so.9',
    'libcudnn_graph.so.9',
    'libcudnn_heuristic.so.9',
    'libcudnn_ops.so.9',
    'libcurand.so.10',
    'libnvrtc-builtins.so.13.0',
    'libnvrtc.so.13',
    'libonnxruntime_providers_cuda.so',
    'libonnxruntime_providers_shared.so',
  ],
  installedBytes: 1_620_000_000,
  minDriver: '580',
};

/** Raised when the same files are laid out in another way. */
const layout = 1;

/** Two installations of one digest are alike. */
export function cudaRecipeDigest(recipe: CudaRecipe): string {
  return createHash('sha256').update(JSON.stringify({ layout, recipe })).digest('hex');
}
