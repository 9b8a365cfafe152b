/** A server with one of everything, for requests that ask for what is there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_FILES } from '#adapters/adapter.js';
import { Claims } from '#jobs/claims.js';
import { writeProgress } from '#jobs/progress.js';
import { parseConfiguration } from '#platform/config.js';
import { Adapter } from '#platform/database/entities/adapter.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import { createLog } from '#platform/log.js';
import { openPlatform } from '#platform/platform.js';
import type { TestPostgres } from '../../embedded-postgres.js';
import { writeTinyJob } from '../../e2e/tiny-job.js';
import { storeAdapter } from '../../integration/composed-adapters.js';
import type { World } from './routes.js';

/** Fills a server without keys. */
export async function makeWorld(url: string, { home, url: databaseUrl }: TestPostgres): Promise<World> {
  const folder = join(home, 'world');
  await writeTinyJob(folder);
  const modelFolder = join(folder, 'model');
  const post = async (path: string, body: object): Promise<Record<string, string>> => {
    const isForm = body instanceof FormData;
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: isForm ? {} : { 'content-type': 'application/json' },
      body: isForm ? body : JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${text}`);
    return JSON.parse(text) as Record<string, string>;
  };
  const registered = await post('/v1/base_models', { folder: modelFolder, name: 'tiny' });
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob([await readFile(join(folder, 'train.jsonl'))]), 'train.jsonl');
  const job = { model: 'tiny', training_file: (await post('/v1/files', form))['id']! };
  const made = (await post('/v1/fine_tuning/jobs', job))['id']!;

  const configuration = parseConfiguration({ LOWRANK_HOME: home, DATABASE_URL: databaseUrl });
  const log = createLog({ level: 'silent', name: 'test' });
  const platform = await openPlatform(configuration, { name: 'test', log });
  try {
    const adapters = [
      await storeAdapter(platform, { seed: 1, r: 4 }),
      await storeAdapter(platform, { seed: 2, r: 3 }),
    ];
    const { manager } = platform.database;
    const { files, name } = await manager.findOneByOrFail(Adapter, { id: adapters[0] });
    const { attempt } = (await new Claims(platform).claimJob(made, 'worker-t', 'cpu'))!;
    const checkpoint = { step: 1, best: true, files, metrics: {} };
    await writeProgress(platform, { jobId: made, attempt }, { checkpoint });
    const { id: checkpointId } = await manager.findOneByOrFail(Checkpoint, { jobId: made });
    const adapter = adapters[0]!;
    const members = adapters.map((id) => ({ adapter: id, weight: 1 }));
    const about = { filename: 'a.jsonl', purpose: 'fine-tune', bytes: 10, mime_type: 'text/jsonl' };
    const upload = await post('/v1/uploads', about);
    const share = await post('/v1/shares', { adapter });
    return {
      ids: {
        '/v1/files': job.training_file,
        '/v1/fine_tuning/jobs': made,
        '/v1/models': 'tiny',
        '/v1/base_models': 'tiny',
        '/v1/base_models/registrations': registered['id']!,
        '/v1/adapters': adapter,
        '/v1/compositions': (await post('/v1/compositions', { members }))['id']!,
        '/v1/exports': (await post('/v1/exports', { adapter }))['id']!,
        '/v1/pushes': 'push-none',
        '/v1/webhooks': (await post('/v1/webhooks', { url: 'https://hook.example' }))['id']!,
        '/v1/fine_tuning/checkpoints': encodeURIComponent(name),
        '/v1/shares': share['id']!,
        '/v1/uploads': upload['id']!,
        '/s': share['path']!.split('/').at(-1)!,
      },
      checkpoint: checkpointId,
      fileName: ADAPTER_FILES.weights,
      job,
      adapters,
      modelFolder,
    };
  } finally {
    await platform.close();
  }
}
