/** The files of a model's folder that a tokenizer is made from. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import * as z from 'zod';
import { LowrankError } from '#base/errors.js';
import { fileProblem } from '#base/file-problem.js';
import { listModelFiles, readModelFile } from '#gguf/model-files.js';
import { jsonFileProblem } from '#base/json-problem.js';

export interface TokenizerFiles {
  /** A file's JSON as the schema reads it, or undefined if there is no such file. Throws `tokenizer_invalid`. */
  parse<T>(name: string, schema: z.ZodType<T>): T | undefined;
  /** SHA-256 over the files that determine ids and special tokens, in hexadecimal. */
  digest(stopIds: readonly number[]): string;
}

/** Reads the files. Throws LowrankError `tokenizer_missing` if the folder or its tokenizer.json is not there. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const names = await listModelFiles(folder).catch((error: unknown) => {
    throw new LowrankError('tokenizer_missing', `the folder ${folder} ${fileProblem(error)}`, {
      cause: error,
    });
  });
  if (!names.includes('tokenizer.json')) {
    const other = names.find((name) => /^(tokenizer\.model|spiece\.model|vocab\.(json|txt))$/.test(name));
    throw new LowrankError(
      'tokenizer_missing',
      `${folder} has no tokenizer.json${other ? ` (only ${other})` : ''}. Write one with ` +
        `AutoTokenizer.from_pretrained(...).save_pretrained(...) of transformers and put it there.`,
      { details: { folder } },
    );
  }
  const wanted = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];
  const contents = new Map<string, Buffer>();
  for (const name of [...wanted, 'generation_config.json', 'config.json']) {
    if (names.includes(name)) contents.set(name, await read(folder, name));
  }
  return {
    parse: (name, schema) => {
      const bytes = contents.get(name);
      if (!bytes) return undefined;
      try {
        return schema.parse(JSON.parse(bytes.toString('utf8')));
      } catch (error) {
        const isJson = error instanceof z.ZodError;
        throw invalid(
          folder,
          name,
          isJson
            ? `is invalid: ${z.prettifyError(error)}. Download the file again.`
            : jsonFileProblem(error, bytes),
          error,
        );
      }
    },
    digest: (stopIds) => {
      const hash = createHash('sha256');
      for (const name of wanted) {
        const bytes = contents.get(name);
        if (bytes) hash.update(`${name}\0${bytes.length}\0`).update(bytes);
      }
      return hash.update(JSON.stringify(stopIds)).digest('hex');
    },
  };
}

async function read(folder: string, name: string): Promise<Buffer> {
  try {
    return await readModelFile(folder, name);
  } catch (error) {
    if (error instanceof LowrankError) throw error;
    throw invalid(folder, name, `${fileProblem(error)}. Download the file again.`, error);
  }
}

function invalid(folder: string, name: string, problem: string, cause: unknown): LowrankError {
  return new LowrankError('tokenizer_invalid', `${name} of ${basename(folder)} ${problem}`, {
    cause,
    details: { folder, file: name },
  });
}
