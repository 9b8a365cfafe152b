/** Which ONNX Runtime computes. */
import { env } from 'onnxruntime-node';

/** The version of the installed ONNX Runtime, such as 1.30.0. */
export const runtimeVersion: string = env.versions.node ?? env.versions.common;
