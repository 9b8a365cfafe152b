/**
 * The worker process. It tells a parent process `{type: 'ready'}` when it takes jobs, and ends when its parent does.
 *
 * SIGTERM and SIGINT give every job back at a checkpoint; a second one ends it at once. Exit codes: 0 stopped as asked,
 * 1 could not start.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { LowrankError } from '#base/errors.js';
import { privateUmask } from '#platform/private-home.js';
import { Worker } from './worker.js';
import { WorkerModule } from './worker.module.js';

async function main(): Promise<void> {
  process.umask(privateUmask);
  const app = await NestFactory.createApplicationContext(WorkerModule.register(process.env), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  const worker = app.get(Worker);
  const hurry = new AbortController();
  let isStopping = false;
  const stop = () => {
    if (isStopping) return hurry.abort();
    isStopping = true;
    // The module's shutdown waits for the same stop.
    void worker
      .stop(hurry.signal)
      .then(() => app.close())
      .catch((error: unknown) => console.error(error))
      .finally(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
  process.once('disconnect', stop);
  await worker.start();
  process.send?.({ type: 'ready' });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof LowrankError ? error.message : error);
  process.exit(1);
}
