/** The API server. */
import type { NestExpressApplication } from '@nestjs/platform-express';
import { LowrankError } from '#base/errors.js';
import { ApiKeys } from '#jobs/api-keys.js';
import { type Configuration, parseConfiguration } from '#platform/config.js';
import { keepHeapSmall } from '#platform/heap-growth.js';
import { createLog } from '#platform/log.js';
import { privateUmask } from '#platform/private-home.js';
import { openPlatform, type Platform } from '#platform/platform.js';
import { createApp } from './create-app.js';
import { requireKeys } from './keys/require-keys.js';

/** What is still busy after this is cut off. */
const longestShutdownMs = 8_000;

async function main(): Promise<void> {
  process.umask(privateUmask);
  keepHeapSmall();
  const configuration = parseConfiguration(process.env);
  const log = createLog({ level: configuration.logLevel, name: 'api' });
  const platform = await openPlatform(configuration, { name: 'api', log });
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'the API failed and ends');
    process.exit(1);
  });
  await requireKeys(new ApiKeys(platform.database), configuration.host);
  const app = await createApp(platform);
  await listen(app, configuration);
  stopWhenAsked(app, platform);
  log.info({ url: await app.getUrl() }, 'the API is ready');
  process.send?.({ type: 'ready' });
}

async function listen(app: NestExpressApplication, { host, port }: Configuration): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: 'it is taken: stop what listens there, or set PORT to another one',
      EACCES: 'this account may not use it: set PORT to one above 1023',
      EADDRNOTAVAIL: 'this machine does not have that address: set HOST to one it has',
    };
    if (code === undefined || why[code] === undefined) throw cause;
    throw new LowrankError('port_in_use', `cannot listen on ${host}:${port}: ${why[code]}`, { cause });
  }
}

/** On SIGTERM, SIGINT, and when the process that started this one is gone. */
function stopWhenAsked(app: NestExpressApplication, platform: Platform): void {
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(0), longestShutdownMs).unref();
    void app
      .close()
      .catch((err: unknown) => platform.log.warn({ err }, 'the API did not close well'))
      .then(() => platform.close())
      .then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
}

main().catch((error: unknown) => {
  const log = createLog({ level: 'fatal', name: 'api' });
  if (error instanceof LowrankError) log.fatal({ code: error.code }, error.message);
  else log.fatal({ err: error }, 'the API cannot start');
  process.exit(1);
});
