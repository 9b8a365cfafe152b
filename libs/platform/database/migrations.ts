/** Every change of the tables, oldest first. */
import type { MigrationInterface } from 'typeorm';
import { Tables1795500000000 } from '#platform/database/migrations/1795500000000-tables.js';
import { TasksAndShares1795600000000 } from '#platform/database/migrations/1795600000000-tasks-and-shares.js';
import { TaskFailures1795700000000 } from '#platform/database/migrations/1795700000000-task-failures.js';
import { DeletedContent1795800100000 } from '#platform/database/migrations/1795800100000-deleted-content.js';
import { FileExpiry1795800200000 } from '#platform/database/migrations/1795800200000-file-expiry.js';
import { WaitingReasons1795800300000 } from '#platform/database/migrations/1795800300000-waiting-reasons.js';
import { AdapterNotes1795802000000 } from '#platform/database/migrations/1795802000000-adapter-notes.js';
import { ResolvedOptions1795803000000 } from '#platform/database/migrations/1795803000000-resolved-options.js';
import { KeyRoles1795804000000 } from '#platform/database/migrations/1795804000000-key-roles.js';
import { BaseModelVersions1795804100000 } from '#platform/database/migrations/1795804100000-base-model-versions.js';
import { Registrations1795804200000 } from '#platform/database/migrations/1795804200000-registrations.js';
import { WorkerFigures1795805000000 } from '#platform/database/migrations/1795805000000-worker-figures.js';
import { TaskKinds1795806000000 } from '#platform/database/migrations/1795806000000-task-kinds.js';
import { AdapterClasses1795807000000 } from '#platform/database/migrations/1795807000000-adapter-classes.js';
import { ResultFiles1795808000000 } from '#platform/database/migrations/1795808000000-result-files.js';
import { CheckpointPermissions1795808100000 } from '#platform/database/migrations/1795808100000-checkpoint-permissions.js';
import { HubRegistrations1795808200000 } from '#platform/database/migrations/1795808200000-hub-registrations.js';
import { Webhooks1795808300000 } from '#platform/database/migrations/1795808300000-webhooks.js';
import { JobData1795808400000 } from '#platform/database/migrations/1795808400000-job-data.js';
import { DeletedRows1795808500000 } from '#platform/database/migrations/1795808500000-deleted-rows.js';
import { Uploads1795808600000 } from '#platform/database/migrations/1795808600000-uploads.js';
import { Trackers1795808700000 } from '#platform/database/migrations/1795808700000-trackers.js';
import { DeletedJobs1795808900000 } from '#platform/database/migrations/1795808900000-deleted-jobs.js';
import { ModelPrecision1795809100000 } from '#platform/database/migrations/1795809100000-model-precision.js';

export const migrations: (new () => MigrationInterface)[] = [
  Tables1795500000000,
  TasksAndShares1795600000000,
  TaskFailures1795700000000,
  DeletedContent1795800100000,
  FileExpiry1795800200000,
  WaitingReasons1795800300000,
  AdapterNotes1795802000000,
  ResolvedOptions1795803000000,
  KeyRoles1795804000000,
  BaseModelVersions1795804100000,
  Registrations1795804200000,
  WorkerFigures1795805000000,
  TaskKinds1795806000000,
  AdapterClasses1795807000000,
  ResultFiles1795808000000,
  CheckpointPermissions1795808100000,
  HubRegistrations1795808200000,
  Webhooks1795808300000,
  JobData1795808400000,
  DeletedRows1795808500000,
  Uploads1795808600000,
  Trackers1795808700000,
  DeletedJobs1795808900000,
  ModelPrecision1795809100000,
];
