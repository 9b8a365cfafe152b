/** A tracking server of MLflow as far as jobs are told to it, with moods. */
import type { ServerResponse } from 'node:http';
import { type SeenRequest, sendJson, type StubServer, stubServer } from './stub-server.js';

interface Entry {
  readonly key: string;
  readonly value: string;
}
export interface StubMetric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly timestamp: number;
}
export interface StubRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  status: string;
  readonly metrics: StubMetric[];
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
}

/** `lost`: it does what it is asked and breaks off before the answer. */
export type Mood = 'well' | 'hangs' | 'fails' | 'leads away' | 'closed' | 'lost' | 'talks';

export interface StubMlflow extends StubServer {
  readonly runs: StubRun[];
  mood: Mood;
}

interface Body {
  readonly name?: string;
  readonly run_name?: string;
  readonly run_id?: string;
  readonly experiment_id?: string;
  readonly experiment_ids?: readonly string[];
  readonly filter?: string;
  readonly status?: string;
  readonly metrics?: readonly StubMetric[];
  readonly params?: readonly Entry[];
  readonly tags?: readonly Entry[];
}

export async function stubMlflow(token: string): Promise<StubMlflow> {
  const experiments = new Map<string, string>();
  const runs: StubRun[] = [];
  const shown = ({ id, experiment, tags }: StubRun) => ({
    info: { run_id: id, experiment_id: experiment },
    data: { tags: [...tags].map(([key, value]) => ({ key, value })) },
  });
  const missing = { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'there is none' };
  const deeds: Record<string, (body: Body, query: URLSearchParams) => unknown> = {
    'experiments/get-by-name': (_, query) => {
      const id = experiments.get(query.get('experiment_name')!);
      return id === undefined ? missing : { experiment: { experiment_id: id } };
    },
    'experiments/create': ({ name }) => {
      experiments.set(name!, String(experiments.size + 1));
      return { experiment_id: experiments.get(name!) };
    },
    'runs/search': ({ filter, experiment_ids: [experiment] = [] }) => {
      const [, tag, value] = /^tags\.`(.+)` = '(.+)'$/.exec(filter!)!;
      return {
        runs: runs.filter((run) => run.experiment === experiment && run.tags.get(tag!) === value).map(shown),
      };
    },
    'runs/create': ({ experiment_id: experiment, run_name: name, tags }) => {
      const run = { experiment: experiment!, name: name!, status: 'RUNNING', id: `run${runs.length + 1}` };
      runs.push({ ...run, metrics: [], params: new Map(), tags: mapOf(tags) });
      return { run: shown(runs.at(-1)!) };
    },
    'runs/get': (_, query) => ({ run: shown(runs.find(({ id }) => id === query.get('run_id'))!) }),
    'runs/log-batch': ({ run_id: id, metrics = [], params, tags }) => {
      const run = runs.find((each) => each.id === id)!;
      run.metrics.push(...metrics);
      for (const [key, value] of mapOf(params)) run.params.set(key, value);
      for (const [key, value] of mapOf(tags)) run.tags.set(key, value);
      return {};
    },
    'runs/update': ({ run_id: id, status }) => {
      runs.find((each) => each.id === id)!.status = status!;
      return {};
    },
  };
  const answer = (request: SeenRequest, response: ServerResponse) => {
    const { mood } = stub;
    if (mood === 'hangs') return;
    if (mood === 'fails') return sendJson(response, { error_code: 'INTERNAL_ERROR', message: 'disk' }, 500);
    if (mood === 'leads away') return void response.writeHead(302, { location: 'http://192.0.2.1/' }).end();
    if (mood === 'talks') return void response.end('x'.repeat(3 << 20));
    if (mood === 'closed' || request.headers.authorization !== `Bearer ${token}`) {
      return sendJson(response, {}, 401);
    }
    const deed = deeds[request.path.replace('/api/2.0/mlflow/', '')]!;
    const said = deed(request.body === '' ? {} : (JSON.parse(request.body) as Body), request.query);
    if (mood === 'lost' && request.path.endsWith('log-batch')) return void response.destroy();
    sendJson(response, said, said === missing ? 404 : 200);
  };
  const server = await stubServer(answer);
  const stub: StubMlflow = Object.assign(server, { runs, mood: 'well' as const });
  return stub;
}

const mapOf = (entries: readonly Entry[] = []) => new Map(entries.map(({ key, value }) => [key, value]));
