/** The files of a model's folder that a tokenizer is made from. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { gitLfsPointer, isGitLfsPointer } from '#base/git-lfs.js';
import { LowrankError } from '#base/errors.js';
import { jsonProblem } from '#base/json-problem.js';

export interface TokenizerFiles {
  /** A file's JSON as the schema reads it, or undefined if there is no such file. Throws `tokenizer_invalid`. */
  parse<T>(name: string, schema: z.ZodType<T>): T | undefined;
  /** SHA-256 over the files that determine ids and special tokens, in hexadecimal. */
  digest(stopIds: readonly number[]): string;
}

/** Reads the files. Throws LowrankError `tokenizer_missing` if the folder or its tokenizer.json is not there. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new LowrankError('tokenizer_missing', `Cannot read the model folder ${folder}.`, { cause: error });
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
    if (names.includes(name)) contents.set(name, await readFile(join(folder, name)));
  }
  return {
    parse: (name, schema) => {
      const bytes = contents.get(name);
      if (!bytes) return undefined;
      if (isGitLfsPointer(bytes)) {
        const problem = `${name} of ${basename(folder)} ${gitLfsPointer}`;
        throw new LowrankError('tokenizer_invalid', problem, { details: { folder, file: name } });
      }
      try {
        return schema.parse(JSON.parse(bytes.toString('utf8')));
      } catch (error) {
        const reason = error instanceof z.ZodError ? z.prettifyError(error) : jsonProblem(error);
        throw new LowrankError(
          'tokenizer_invalid',
          `${name} of ${basename(folder)} is invalid: ${reason}. Download the file again.`,
          { cause: error, details: { folder, file: name } },
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
