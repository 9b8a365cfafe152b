/** What a hub says of a model before anything of it is fetched: its commit, and the files that are needed. */
import { LowrankError, UnsupportedError } from '#base/errors.js';
import { INDEX } from '#models/model-folder-files.js';
import type { HubName } from '#hub/remote/hub-name.js';
import { type HubAccess, hubFetch, unreachable } from '#hub/remote/hub-requests.js';

/** A file of a repository. */
export interface HubFile {
  readonly name: string;
  readonly size: number;
  /** Its name among the blobs of a cache: SHA-256 of its content in large storage, else the hash that git has for it. */
  readonly etag: string;
  readonly hash: 'sha256' | 'git-sha1';
}

/** A model at one commit. */
export interface HubModel {
  readonly repository: string;
  readonly revision: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly gated: boolean;
  readonly files: readonly HubFile[];
}

export const SINGLE_WEIGHTS = 'model.safetensors';
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
/** What tells how a model computes, how it reads texts and images, and whose it is. */
const describing =
  /^(config|generation_config|preprocessor_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^chat_template\.(jinja|json)$|^README\.md$|^LICEN[CS]E(\.txt|\.md)?$/;
/** Of a file that is no weights. */
const maxDescribingBytes = 1 << 28;
const commitSyntax = /^[0-9a-f]{40}$/;

/**
 * Asks for a model. Throws the errors of `hubFetch`, LowrankError `model_config_missing`, `weights_pickled`,
 * `weights_not_found`, and UnsupportedError for weights in other formats only.
 */
export async function listHubModel(
  { repository, revision: wanted }: HubName,
  access: HubAccess,
  signal?: AbortSignal,
): Promise<HubModel> {
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const revision = wanted ?? 'main';
  const common = { hubUrl: access.endpoint, fetch: hubFetch(repository, access, signal) };
  const info = await modelInfo({ ...common, name: repository, revision, additionalFields: ['sha'] });
  const commit = info.sha;
  if (typeof commit !== 'string' || !commitSyntax.test(commit)) {
    throw unreachable(repository, 'it names no commit');
  }
  const files: HubFile[] = [];
  for await (const entry of listFiles({
    ...common,
    repo: { type: 'model', name: repository },
    revision: commit,
  })) {
    // Of folders nothing is needed; a name that leads out of one is not followed.
    if (entry.type !== 'file' || !plainName.test(entry.path)) continue;
    const size = entry.lfs?.size ?? entry.size;
    const etag = entry.lfs?.oid ?? entry.oid ?? '';
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) || !Number.isSafeInteger(size) || size < 0) {
      throw unreachable(repository, `it gives no size and hash for ${entry.path}`);
    }
    files.push({ name: entry.path, size, etag, hash: entry.lfs ? 'sha256' : 'git-sha1' });
  }
  requireModel(repository, files);
  return { repository, revision, commit, gated: Boolean(info.gated), files };
}

/** The files that describe a model, with the index of its weights if they are in several files. */
export function describingFiles({ repository, files }: Pick<HubModel, 'repository' | 'files'>): HubFile[] {
  const isSingle = files.some(({ name }) => name === SINGLE_WEIGHTS);
  const wanted = files.filter(({ name }) => describing.test(name) || (name === INDEX && !isSingle));
  const large = wanted.find(({ size }) => size > maxDescribingBytes);
  if (large) {
    throw new UnsupportedError(
      `${repository}: ${large.name} has ${large.size} bytes, which is too much for such a file`,
      {
        file: large.name,
      },
    );
  }
  return wanted;
}

/** The files that hold its weights; `shards` are those that the index names. Throws LowrankError `weights_not_found`. */
export function weightFilesOf(
  { repository, files }: Pick<HubModel, 'repository' | 'files'>,
  shards: readonly string[],
): HubFile[] {
  const single = files.find(({ name }) => name === SINGLE_WEIGHTS);
  if (single) return [single];
  return shards.map((shard) => {
    const file = files.find(({ name }) => name === shard);
    if (file) return file;
    throw new LowrankError('weights_not_found', `${repository} lacks ${shard}, which its ${INDEX} names`, {
      details: { repository, file: shard },
    });
  });
}

function requireModel(repository: string, files: readonly HubFile[]): void {
  const names = files.map(({ name }) => name);
  const details = { repository, files: names };
  if (!names.includes('config.json')) {
    throw new LowrankError(
      'model_config_missing',
      `${repository} holds no config.json: it is not a model in the format of transformers${names.includes('adapter_config.json') ? ', but an adapter; name its base model' : ''}`,
      { details },
    );
  }
  if (names.includes(SINGLE_WEIGHTS) || names.includes(INDEX)) return;
  const pickled = names.filter((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
  if (pickled.length > 0) {
    throw new LowrankError(
      'weights_pickled',
      `${repository} has its weights only as ${pickled.slice(0, 3).join(', ')}: pickle files can run code when they are opened, so they are not fetched. ` +
        'See whether its owner has a revision with safetensors, or convert it where you trust it and register the folder',
      { details },
    );
  }
  const foreign = names.filter((name) =>
    /\.(gguf|h5|msgpack|onnx)$|^consolidated.*\.safetensors$/.test(name),
  );
  if (foreign.length > 0) {
    throw new UnsupportedError(
      `${repository} has its weights only as ${foreign.slice(0, 3).join(', ')}; ${SINGLE_WEIGHTS} or ${INDEX} is needed`,
      details,
    );
  }
  throw new LowrankError('weights_not_found', `${repository} holds neither ${SINGLE_WEIGHTS} nor ${INDEX}`, {
    details,
  });
}
