/** An API on a Postgres and a home of its own, with a small base model, for tests. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ApiKeys } from '#jobs/api-keys.js';
import { type Configuration, parseConfiguration } from '#platform/config.js';
import { createLog } from '#platform/log.js';
import { openPlatform, type Platform } from '#platform/platform.js';
import { type AppOptions, createApp } from '../../apps/api/src/create-app.js';
import { writeTinyModel } from '../e2e/tiny-job.js';
import { localPlanner } from './local-planner.js';
import { startTestPostgres, type TestPostgres } from '../embedded-postgres.js';

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  readonly home: string;
  readonly app: NestExpressApplication;
  readonly platform: Platform;
  readonly postgres: TestPostgres;
  readonly keys: ApiKeys;
  /** What it wrote to its log, an entry each. */
  readonly logged: readonly string[];
  /** Sends a request; a body that is no form goes as JSON. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** Registers a base model, as an administrator, and waits until it is read. */
  register(folder: string, body?: { readonly name?: string; readonly replace?: boolean }): Promise<void>;
  /** Registers a model of two layers and uploads rows for it; yields the smallest body of a job. */
  smallJob(headers?: Readonly<Record<string, string>>): Promise<{ model: string; training_file: string }>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody;
  readonly text: string;
}

/** JSON of any answer: fields that tests look into, there where the answer has them. */
export interface AnswerBody {
  readonly id: string;
  readonly status: string;
  readonly data: readonly AnswerBody[];
  readonly has_more: boolean;
  readonly last_id: string;
  readonly seq: number;
  readonly step: number;
  readonly position: number;
  readonly adapter: string;
  readonly estimated_finish: number;
  readonly progress: { readonly seconds_left: number };
  readonly error: {
    readonly message: string;
    readonly param: string | null;
    readonly code: string;
    readonly problems?: readonly { readonly field: string; readonly line?: number }[];
  };
  readonly [field: string]: unknown;
}

export interface ApiOptions extends AppOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Changes what the environment says. */
  readonly configuration?: Partial<Configuration>;
}

/** Answers prompts as they say themselves; see there. */
export const scriptedGenerator = join(import.meta.dirname, 'scripted-generator.mjs');

export async function startApi({
  environment,
  configuration,
  ...options
}: ApiOptions = {}): Promise<ApiServer> {
  const postgres = await startTestPostgres();
  const { home, url: databaseUrl } = postgres;
  const parsed = parseConfiguration({ LOWRANK_HOME: home, DATABASE_URL: databaseUrl, ...environment });
  const logged: string[] = [];
  const log = createLog({ level: 'debug', name: 'test' }, { write: (line) => void logged.push(line) });
  const platform = await openPlatform({ ...parsed, ...configuration }, { name: 'test', log });
  const app = await createApp(platform, { startPlanner: localPlanner, ...options });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  const call: ApiServer['call'] = async (method, path, content, headers = {}) => {
    const isForm = content instanceof FormData;
    const body = content === undefined || isForm ? content : JSON.stringify(content);
    const request = {
      method,
      headers: {
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body,
    };
    const response = await fetch(`${url}${path}`, request);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  };
  const keys = new ApiKeys(platform.database);
  /** Of an administrator; none where the server never had a key. */
  const adminHeaders = async (): Promise<Record<string, string>> => {
    if ((await keys.list()).length === 0) return {};
    const { secret } = await keys.create({ name: 'registers', role: 'admin' });
    return { authorization: `Bearer ${secret}` };
  };
  const register: ApiServer['register'] = async (folder, body) => {
    const headers = await adminHeaders();
    let registered = await call('POST', '/v1/base_models', { folder, ...body }, headers);
    const { id } = registered.body;
    while (registered.body.status === 'running') {
      await delay(20);
      registered = await call('GET', `/v1/base_models/registrations/${id}`, undefined, headers);
    }
    if (registered.body.status !== 'done') throw new Error(`not registered: ${registered.text}`);
  };
  return {
    url,
    home,
    app,
    platform,
    postgres,
    logged,
    keys,
    call,
    register,
    async smallJob(headers) {
      const folder = join(home, 'models-of-tests', 'tiny');
      await writeTinyModel(folder);
      await register(folder);
      const file = await call('POST', '/v1/files', fileForm(sums(40)), headers);
      return { model: 'tiny', training_file: file.body.id };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await platform.close();
      await postgres.remove();
    },
  };
}

function parse(text: string): AnswerBody {
  try {
    return JSON.parse(text) as AnswerBody;
  } catch {
    return {} as AnswerBody;
  }
}

/** Rows of a chat about sums. */
export function sums(rows: number): string {
  const lines = Array.from({ length: rows }, (_, a) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `What is ${a} plus ${a % 7}?` },
        { role: 'assistant', content: `It is ${a + (a % 7)}.` },
      ],
    }),
  );
  return `${lines.join('\n')}\n`;
}

/** The form of an upload. */
export function fileForm(
  content: string | Uint8Array,
  name = 'train.jsonl',
  purpose = 'fine-tune',
): FormData {
  const form = new FormData();
  form.set('purpose', purpose);
  form.set('file', new Blob([content]), name);
  return form;
}
