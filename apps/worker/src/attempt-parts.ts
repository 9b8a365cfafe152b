/** What an attempt works with. */
import type { Claims } from '#jobs/claims.js';
import type { MemberFiles } from '#jobs/member-files.js';
import type { JobsParts, Log } from '#jobs/parts.js';
import type { JobNeeds } from '#jobs/placement.js';
import type { ObjectStore } from '#platform/objects/object-store.js';
import type { TrainerPool } from './trainer-pool.js';
import type { SilenceLimits } from './trainer-run.js';

export interface AttemptParts extends JobsParts {
  readonly objects: ObjectStore;
  readonly members: MemberFiles;
  readonly claims: Claims;
  readonly pool: TrainerPool;
  readonly log: Log;
  readonly home: string;
  /** Bytes that a process may take on this machine. */
  readonly memoryBytes: number;
  /** Whether another worker could run a job that does not fit here. */
  readonly fitsElsewhere: (needs: JobNeeds) => Promise<boolean>;
  readonly silence?: SilenceLimits;
}
