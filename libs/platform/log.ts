/** The program's log: one line of JSON per entry on the standard error, secrets removed. */
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from '#platform/config.js';
import { describeGap, LogSink } from '#platform/log-sink.js';

export type Log = Logger;

/** Properties that never reach the log, wherever an entry carries them near its top. */
const SECRET_NAMES = [
  'password',
  'authorization',
  'cookie',
  'secret',
  'secretKey',
  'accessKey',
  'apiKey',
  'api_key',
  'token',
  'databaseUrl',
  'redisUrl',
  'connectionString',
];

export const redactedPaths: readonly string[] = [
  ...SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  'req.headers["x-api-key"]',
];

/** Longer texts help nobody in a log. */
const longestText = 20_000;

/** Takes passwords out of URLs and API keys out of any text, in a time that grows as the text does. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/:(?<=:\/\/[^\s/:@]*:)[^\s/@]+@/g, ':***@')
    .replaceAll(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, '$1 ***')
    .replaceAll(/\b((?:lr|sk)-[A-Za-z0-9]{5})[A-Za-z0-9_-]{12,}/g, '$1***')
    .replaceAll(/(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s"]+/gi, '$1***');
}

function scrub(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = withoutSecrets(value);
  return text.length > longestText ? `${text.slice(0, longestText)}... (${text.length} characters)` : text;
}

/** An error as an entry shows it: class, message, stack, code, causes; texts without secrets. */
export function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return scrub(error);
  const { type, message, stack, code } = stdSerializers.err(error) as ReturnType<
    typeof stdSerializers.err
  > & {
    code?: unknown;
  };
  return { type, message: scrub(message), stack: scrub(stack), code };
}

/** A log for a process, named after it. */
export function createLog(
  options: { readonly level: LogLevel; readonly name: string },
  destination?: DestinationStream,
): Log {
  return pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...redactedPaths], censor: '***' },
      serializers: { err: serializeError, error: serializeError, stack: scrub },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map(scrub) as Parameters<typeof method>);
        },
      },
    },
    destination ?? standardError(options.name),
  );
}

let sharedSink: LogSink | undefined;

/** One for all logs of the process. */
function standardError(name: string): DestinationStream {
  if (sharedSink) return sharedSink;
  // What others write beside the log must not end the process either.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  sharedSink = new LogSink(2, {
    notice: (gap) => {
      const entry = { level: 'warn', time: new Date().toISOString(), name, pid: process.pid };
      return `${JSON.stringify({ ...entry, msg: describeGap(gap) })}\n`;
    },
  });
  return sharedSink;
}
