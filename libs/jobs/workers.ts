/** Which workers there are, for people to see and to find those that are gone. */
import type { DataSource } from 'typeorm';
import type { MachineSpeed } from '#training/speed/speed-points.js';
import { type UnusableDevice, Worker, type WorkerFigures } from '#platform/database/entities/worker.js';

export interface WorkerFacts {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly devices: readonly Record<string, unknown>[];
  readonly unusableDevices?: readonly UnusableDevice[];
}

export class Workers {
  constructor(private readonly database: DataSource) {}

  async register({ devices, unusableDevices = [], ...facts }: WorkerFacts): Promise<void> {
    await this.database.manager.upsert(
      Worker,
      { ...facts, devices: [...devices], unusableDevices: [...unusableDevices], stoppedAt: null } as never,
      ['id'],
    );
  }

  async heartbeat(id: string, figures: WorkerFigures | null = null): Promise<void> {
    await this.database.query(
      'UPDATE worker SET heartbeat_at = now(), figures = coalesce($2, figures) WHERE id = $1',
      [id, figures && JSON.stringify(figures)],
    );
  }

  /** How fast the processor of a worker's machine trains. */
  async tellSpeed(id: string, speed: MachineSpeed): Promise<void> {
    await this.database.query(
      `UPDATE worker SET devices = (
         SELECT jsonb_agg(CASE device->>'name' WHEN 'cpu' THEN device || jsonb_build_object('speed', $2::jsonb)
           ELSE device END)
         FROM jsonb_array_elements(devices) device)
       WHERE id = $1 AND jsonb_array_length(devices) > 0`,
      [id, JSON.stringify(speed)],
    );
  }

  async stopped(id: string): Promise<void> {
    await this.database.query('UPDATE worker SET stopped_at = now() WHERE id = $1 AND stopped_at IS NULL', [
      id,
    ]);
  }

  /** Those that gave a sign of life within the last seconds. */
  async alive(seconds: number): Promise<Worker[]> {
    return this.database.manager
      .createQueryBuilder(Worker, 'worker')
      .where('worker.stoppedAt IS NULL')
      .andWhere('worker.heartbeatAt > now() - make_interval(secs => :seconds)', { seconds })
      .orderBy('worker.startedAt')
      .getMany();
  }
}
