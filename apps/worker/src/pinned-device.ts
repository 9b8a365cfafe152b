/** A job goes on where it began: another kind of device would round differently. */
import type { DataSource } from 'typeorm';
import { type WantedDevice, wantedDevices } from '#jobs/devices.js';
import { Attempt } from '#platform/database/entities/attempt.js';
import { Checkpoint } from '#platform/database/entities/checkpoint.js';
import type { Job } from '#platform/database/entities/job.js';

/** The device that a waiting job must have: that of its last attempt once there is something to go on from. */
export async function pinnedDevice({ manager }: DataSource, job: Job): Promise<WantedDevice> {
  const known = (name: string): WantedDevice => wantedDevices.find((device) => device === name) ?? 'auto';
  if (job.device !== 'auto' || job.attempt === 0) return known(job.device);
  if (job.step === 0 && !(await manager.existsBy(Checkpoint, { jobId: job.id }))) return 'auto';
  const last = await manager.findOneBy(Attempt, { jobId: job.id, attempt: job.attempt });
  return known(last?.device ?? 'auto');
}
