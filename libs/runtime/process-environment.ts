/**
 * Environment variables that a process which trains should be started with: its big blocks of memory in huge pages
 * (glibc 2.35 and later; others ignore it).
 */
export const trainingEnvironment: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};

/**
 * Environment variables for TensorFlow, which reads them when it is loaded: errors only in its log, GPU memory taken as
 * it is needed, products in whole float32 and sums always in the same order, and kernels that the driver compiles for a
 * new GPU kept. Without `threads` it takes one for every core.
 */
export function tfjsNodeEnvironment(threads?: number): Record<string, string> {
  return {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    NVIDIA_TF32_OVERRIDE: '0',
    TF_DETERMINISTIC_OPS: '1',
    CUDA_CACHE_MAXSIZE: String(4 * 2 ** 30),
    ...(threads === undefined ? {} : { TF_NUM_INTRAOP_THREADS: String(threads) }),
  };
}
