import { expect, test } from 'vitest';
import { onnxRuntimePackage } from '#runtime/cuda-paths.js';
import { bytesOf } from '../installing/wheels.js';
import { cudaRecipe, cudaRecipeDigest } from './recipe.js';

test('the provider is of the very version of ONNX Runtime that npm installs', () => {
  const provider = cudaRecipe.wheels.find(({ name }) => name === 'onnxruntime-gpu');
  expect(provider?.version).toBe(onnxRuntimePackage().version);
  expect(cudaRecipe.onnxruntime).toBe(onnxRuntimePackage().version);
});

test('every wheel has an exact version, a digest and a size', () => {
  for (const { version, sha256, bytes } of cudaRecipe.wheels) {
    expect(version).toMatch(/^\d+(\.\d+)+$/);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(bytes).toBeGreaterThan(1e6);
  }
  expect(bytesOf(cudaRecipe.wheels)).toBeLessThan(1.2e9);
});

test('a recipe that changes has another digest', () => {
  expect(cudaRecipeDigest({ ...cudaRecipe, libraries: [] })).not.toBe(cudaRecipeDigest(cudaRecipe));
});
