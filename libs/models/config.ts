/** From config.json to a family's description of a model. */
import path from 'node:path';
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { readModelFile } from '#gguf/model-files.js';
import { fileProblem } from '#base/file-problem.js';
import { jsonFileProblem } from '#base/json-problem.js';
import { ConfigReader, ModelConfigError, wholeFile } from '#models/config-reader.js';
import type { Family } from '#models/families/family.js';
import { explainNotDone } from '#models/families/not-done.js';
import { families } from '#models/families/registry.js';
import type { ModelConfig } from '#models/model-config.js';

/**
 * Reads config.json of a model folder.
 *
 * Throws LowrankError `model_config_missing`, ModelConfigError and UnsupportedError.
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const file = path.join(folder, 'config.json');
  let content: Buffer;
  try {
    content = await readModelFile(folder, 'config.json');
  } catch (cause) {
    if (cause instanceof LowrankError) throw cause;
    throw new LowrankError(
      'model_config_missing',
      `${file} ${fileProblem(cause)}. A model folder holds config.json beside its weights`,
      { cause, details: { file } },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw new ModelConfigError(file, [[wholeFile, jsonFileProblem(cause, content)]]);
  }
  return parseModelConfig(json, file);
}

/**
 * Turns the JSON of a config.json, in the older or the newer spelling, into its family's description, with every default
 * filled in as the configuration classes of transformers do. `source` names the file in messages.
 *
 * Throws UnsupportedError for an architecture or an option that is not done here, ModelConfigError with every problem.
 */
export function parseModelConfig(json: unknown, source = 'config.json'): ModelConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new ModelConfigError(source, [[wholeFile, 'must be a JSON object']]);
  }
  const fields = json as Record<string, unknown>;
  const named: unknown = Array.isArray(fields['architectures']) ? fields['architectures'][0] : undefined;
  const { architecture, modelType, parse } = findFamily(named, fields, source);
  const reader = new ConfigReader(fields, architecture, modelType, source);
  const config = parse(reader);
  reader.finish();
  return typeof named === 'string' && named !== architecture ? { ...config, bodyOf: named } : config;
}

function findFamily(named: unknown, json: Readonly<Record<string, unknown>>, source: string): Family {
  const modelType = json['model_type'];
  const isNamed = ({ architecture, bodies }: Family) =>
    architecture === named || (bodies?.architectures as readonly unknown[] | undefined)?.includes(named);
  const family = families.find((known) =>
    named === undefined ? known.modelType === modelType : isNamed(known),
  );
  if (family === undefined) {
    const known = families.map(({ architecture }) => architecture);
    const shown = JSON.stringify(named ?? modelType ?? null);
    const reason = explainNotDone(json);
    throw new UnsupportedError(
      `${source}: architecture ${shown} is not supported${reason === undefined ? '' : `, since ${reason}`}; known architectures: ${known.join(', ')}`,
      { architecture: named ?? null, modelType: modelType ?? null, known },
    );
  }
  if (modelType !== undefined && modelType !== family.modelType) {
    throw new ModelConfigError(source, [
      ['model_type', `${JSON.stringify(modelType)} does not belong to architecture ${family.architecture}`],
    ]);
  }
  return family;
}
