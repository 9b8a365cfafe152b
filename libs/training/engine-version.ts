/** The version of what computes: two runs of one version give equal bits on equal machines. */
import { graphFormat } from '#runtime/graph-cache.js';
import { runtimeVersion } from '#runtime/version.js';

/** To be raised with the version in package.json; a test compares them. */
export const lowrankVersion = '0.1.0';

/** Names every part whose change may change the bits of a training step. */
export function engineVersion(): string {
  return `lowrank ${lowrankVersion}, graph ${graphFormat}, onnxruntime ${runtimeVersion}`;
}
