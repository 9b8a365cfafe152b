/**
 * Folders of TensorFlow.js' layers format, model.json and its weights, for Node without @tensorflow/tfjs-node:
 * `await model.save(layersModelFolder(path))`, `await tf.loadLayersModel(layersModelFolder(path))`.
 */
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { AtomicFile } from '#base/atomic-file-writer.js';
import { LowrankError } from '#base/errors.js';

/** What TensorFlow.js knows of a weight: its name, shape and type. */
type WeightSpec = { readonly name: string };

/** A model as TensorFlow.js hands it over (`tf.io.ModelArtifacts`). */
interface Artifacts {
  readonly weightSpecs?: unknown[];
  readonly weightData?: ArrayBuffer | ArrayBuffer[];
}

interface ModelJson {
  readonly modelTopology?: object;
  readonly weightsManifest?: readonly { readonly paths: readonly string[]; readonly weights: WeightSpec[] }[];
}

const modelFile = 'model.json';
const weightsFile = 'weights.bin';

async function write(path: string, bytes: Buffer): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    file.append(bytes);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** A handler that saves a model into a folder and loads it from there. Throws `disk_full`, `model_json_invalid`. */
export function layersModelFolder(folder: string) {
  return {
    /** Writes the weights first, so that a folder with a model.json is whole. */
    async save(artifacts: Artifacts) {
      const { weightSpecs = [], weightData = [], ...rest } = artifacts;
      const weights = Buffer.concat([weightData].flat().map((part) => Buffer.from(part)));
      const json: ModelJson = {
        ...rest,
        weightsManifest: [{ paths: [weightsFile], weights: weightSpecs as WeightSpec[] }],
      };
      const text = Buffer.from(JSON.stringify(json));
      await write(join(folder, weightsFile), weights);
      await write(join(folder, modelFile), text);
      return {
        modelArtifactsInfo: {
          dateSaved: new Date(),
          modelTopologyType: 'JSON' as const,
          modelTopologyBytes: text.length,
          weightDataBytes: weights.length,
        },
      };
    },

    async load() {
      const path = join(folder, modelFile);
      const { weightsManifest, ...rest } = JSON.parse(await readFile(path, 'utf8')) as ModelJson;
      if (!weightsManifest || !rest.modelTopology) {
        throw new LowrankError(
          'model_json_invalid',
          `${path} is not a model of TensorFlow.js' layers format`,
        );
      }
      const files = weightsManifest.flatMap(({ paths }) => paths).map((name) => fileInside(folder, name));
      const parts = await Promise.all(files.map((file) => readFile(file)));
      const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
      return {
        ...rest,
        weightSpecs: weightSpecs as never,
        weightData: new Uint8Array(Buffer.concat(parts)).buffer,
      };
    },
  };
}

function fileInside(folder: string, name: string): string {
  const file = resolve(folder, name);
  if (!relative(folder, file).startsWith('..')) return file;
  throw new LowrankError('model_json_invalid', `model.json in ${folder} names a file outside of it: ${name}`);
}
