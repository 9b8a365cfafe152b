import { Readable } from 'node:stream';
import { Inject, Injectable, type OnModuleDestroy, type StreamableFile } from '@nestjs/common';
import type { Request, Response } from 'express';
import { LowrankError } from '#base/errors.js';
import { isTerminal } from '#jobs/transitions.js';
import { Metric } from '#platform/database/entities/metric.js';
import type { Platform } from '#platform/platform.js';
import { notFound } from '../errors/api-error.js';
import { streamed } from '../http/streamed.js';
import { readJob } from '../jobs/job-reads.js';
import { PLATFORM } from '../tokens.js';
import { type Cursor, readCursor, type StreamKind } from './cursor.js';
import { followJob } from './job-follower.js';
import { JobWakes } from './job-wakes.js';

/** Streams of server-sent events. */
@Injectable()
export class StreamsService implements OnModuleDestroy {
  private readonly shutdown = new AbortController();

  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(JobWakes) private readonly wakes: JobWakes,
  ) {}

  /** Streams would keep the server from closing. */
  onModuleDestroy(): void {
    this.shutdown.abort(
      new LowrankError('server_stopping', 'the server is being stopped: ask again in a while'),
    );
  }

  /** A stream from where the client says it was; 204, which ends reconnecting, if nothing more will come. */
  async follow(
    kind: StreamKind,
    projectId: string,
    jobId: string,
    request: Request,
    response: Response,
  ): Promise<StreamableFile | undefined> {
    const lastId = request.headers['last-event-id'];
    const from = readCursor(kind, typeof lastId === 'string' ? lastId : undefined);
    if (await this.isOver(projectId, jobId, from)) {
      response.status(204);
      return undefined;
    }
    response.setHeader('cache-control', 'no-store, no-transform');
    // nginx holds answers back unless told not to.
    response.setHeader('x-accel-buffering', 'no');
    return streamed(this.open(projectId, jobId, from), this.platform.log, {
      type: 'text/event-stream; charset=utf-8',
    });
  }

  private open(projectId: string, jobId: string, from: Cursor): Readable {
    const { database, log } = this.platform;
    const ended = new AbortController();
    const watch = this.wakes.watch(jobId);
    const signal = AbortSignal.any([ended.signal, this.shutdown.signal]);
    const onError = (error: unknown) =>
      log.warn({ err: error, job: jobId }, 'a stream waits for the database');
    const text = followJob({ database, projectId, jobId, from, watch, signal, onError });
    const stream = Readable.from(unlessAborted(text, this.shutdown.signal), { objectMode: false });
    stream.once('close', () => {
      ended.abort();
      watch[Symbol.dispose]();
    });
    return stream;
  }

  private async isOver(projectId: string, jobId: string, { event, metric }: Cursor): Promise<boolean> {
    const { manager } = this.platform.database;
    const reading = await readJob(manager, projectId, jobId);
    if (!reading) throw notFound('fine-tuning job', jobId);
    if (!isTerminal(reading.job.state)) return false;
    if (event !== null && event < reading.job.eventCount) return false;
    return metric === null || metric >= ((await manager.maximum(Metric, 'seq', { jobId })) ?? 0);
  }
}

/** Breaks off instead of ending when the signal has aborted: the client is to ask again. */
async function* unlessAborted(text: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  yield* text;
  signal.throwIfAborted();
}
