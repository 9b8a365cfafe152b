/** Calls of MLflow's REST API (2.0): bounded in time and size, and led nowhere else. */
import type { MlflowConfiguration } from '#trackers/declared/mlflow.js';
import { TrackerProblem } from '#trackers/tracker-server.js';

const maxAnswerBytes = 1 << 20;

type Json = Readonly<Record<string, unknown>>;

/** An answer that says no, as MLflow has it. */
export class MlflowRefusal extends TrackerProblem {
  constructor(
    message: string,
    /** Such as RESOURCE_DOES_NOT_EXIST; empty if it said none. */
    readonly errorCode: string,
  ) {
    super(message);
  }
}

export interface MlflowCall {
  readonly method: 'GET' | 'POST';
  /** After `api/2.0/mlflow/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

/** Yields the answer. Throws MlflowRefusal, and TrackerProblem if there is no answer of its kind in time. */
export async function callMlflow(
  { uri, authorization, answerSeconds }: MlflowConfiguration,
  { method, path, query, body }: MlflowCall,
  signal: AbortSignal,
): Promise<Json> {
  const timeout = AbortSignal.timeout(1000 * answerSeconds);
  const search = query ? `?${String(new URLSearchParams(query))}` : '';
  try {
    const response = await fetch(`${uri}/api/2.0/mlflow/${path}${search}`, {
      method,
      headers: {
        ...(authorization === null ? {} : { authorization }),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      // The token is for this server alone.
      redirect: 'manual',
      signal: AbortSignal.any([timeout, signal]),
    });
    const text = await boundedText(response);
    if (response.ok) return objectOf(text, 'an answer that is not JSON');
    throw refusal(response, text);
  } catch (error) {
    if (error instanceof TrackerProblem) throw error;
    if (timeout.aborted) {
      throw new TrackerProblem(`no answer within ${answerSeconds} s`, { cause: error });
    }
    const cause = (error as Error).cause ?? error;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new TrackerProblem(`it cannot be reached (${code ?? message})`, { cause: error });
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    // Leaving the loop ends the connection.
    if (bytes > maxAnswerBytes) throw new TrackerProblem(`it answered more than ${maxAnswerBytes} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function objectOf(text: string, problem: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Json;
  } catch {
    // Said below.
  }
  throw new TrackerProblem(`it gave ${problem}: check MLFLOW_TRACKING_URI`);
}

function refusal({ status, headers }: Response, text: string): TrackerProblem {
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'nowhere';
    return new TrackerProblem(
      `it answered ${status} and leads to ${to.slice(0, 200)}: give MLFLOW_TRACKING_URI the address itself`,
    );
  }
  if (status === 401 || status === 403) {
    const variables = 'MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD';
    return new TrackerProblem(`it answered ${status}: check ${variables}`);
  }
  const { error_code: code = '', message = '' } = parsed(text);
  const said = typeof message === 'string' && message !== '' ? `: ${message.slice(0, 300)}` : '';
  return new MlflowRefusal(`it answered ${status}${said}`, String(code));
}

function parsed(text: string): Json {
  try {
    return objectOf(text, '');
  } catch {
    return {};
  }
}
