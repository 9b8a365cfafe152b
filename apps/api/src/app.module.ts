import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ApiKeys } from '#jobs/api-keys.js';
import { JobHistory } from '#jobs/job-history.js';
import { JobStore } from '#jobs/job-store.js';
import { MemberFiles } from '#jobs/member-files.js';
import { OutboxRelay } from '#jobs/outbox.js';
import { Shares } from '#jobs/shares.js';
import { Tasks } from '#jobs/tasks.js';
import { trackerServers } from '#trackers/registry.js';
import type { Platform } from '#platform/platform.js';
import { AdapterImports } from './adapters/adapter-imports.service.js';
import { AdaptersController } from './adapters/adapters.controller.js';
import { AdaptersService } from './adapters/adapters.service.js';
import { AnswersService } from './completions/answers.service.js';
import { ClassificationsController } from './classifications/classifications.controller.js';
import { ClassificationsService } from './classifications/classifications.service.js';
import { CompletionsController } from './completions/completions.controller.js';
import { CompletionsService } from './completions/completions.service.js';
import { Generators } from './completions/generators.service.js';
import { WantedModels } from './completions/wanted-models.service.js';
import { CompositionsController } from './compositions/compositions.controller.js';
import { CompositionsService } from './compositions/compositions.service.js';
import { Members } from './compositions/members.service.js';
import { Previews } from './compositions/previews.service.js';
import { ErrorFilter } from './errors/error.filter.js';
import { ExportsController } from './exports/exports.controller.js';
import { ExportsService } from './exports/exports.service.js';
import { FileIntake } from './files/file-intake.service.js';
import { FilesController } from './files/files.controller.js';
import { FilesService } from './files/files.service.js';
import { HealthController } from './health/health.controller.js';
import { HealthService } from './health/health.service.js';
import { JsonBodies } from './http/json-body.js';
import { RequestPipe } from './http/request-pipe.js';
import { JobCare } from './jobs/job-care.service.js';
import { JobRequests } from './jobs/job-request.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { JobsService } from './jobs/jobs.service.js';
import { AuthGuard } from './keys/auth.guard.js';
import { KeysController } from './keys/keys.controller.js';
import { BaseModelsController } from './models/base-models.controller.js';
import { BaseModels } from './models/base-models.js';
import { BundledModels } from './models/bundled-models.js';
import { HubJobs } from './models/hub-jobs.service.js';
import { HubModels } from './models/hub-models.service.js';
import { ModelsController } from './models/models.controller.js';
import { ModelsService } from './models/models.service.js';
import { RegistrationsService } from './models/registrations.service.js';
import { PermissionsController } from './permissions/permissions.controller.js';
import { PermissionsService } from './permissions/permissions.service.js';
import { PlanController } from './plan/plan.controller.js';
import { PlanService } from './plan/plan.service.js';
import type { StartPlanner } from './planner/planner-process.js';
import { Planner } from './planner/planner.service.js';
import { PrometheusController } from './prometheus/prometheus.controller.js';
import { PrometheusService } from './prometheus/prometheus.service.js';
import { LinksController } from './shares/links.controller.js';
import { PushesController } from './pushes/pushes.controller.js';
import { PushesService } from './pushes/pushes.service.js';
import { SharesController } from './shares/shares.controller.js';
import { SharesService } from './shares/shares.service.js';
import { CheckpointArchives } from './streams/checkpoint-archives.service.js';
import { HistoryService } from './streams/history.service.js';
import { JobWakes } from './streams/job-wakes.js';
import { StreamsController } from './streams/streams.controller.js';
import { StreamsService } from './streams/streams.service.js';
import { GENERATOR_MAIN, PLANNER, PLATFORM } from './tokens.js';
import { spoolRoot, sweepSpool } from './intake/spool-folder.js';
import { UploadsController } from './uploads/uploads.controller.js';
import { UploadsService } from './uploads/uploads.service.js';
import { TrackerFiles } from './trackers/tracker-files.service.js';
import { TrackerSender } from './trackers/tracker-sender.service.js';
import { TrackersController } from './trackers/trackers.controller.js';
import { WebhookSender } from './webhooks/webhook-sender.service.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { WebhooksService } from './webhooks/webhooks.service.js';
import { WorkersController } from './workers/workers.controller.js';
import { WorkersService } from './workers/workers.service.js';

/** The classes of libs/jobs know no Nest: they are given their parts here. */
function jobProviders({ database, queue, notifications, objects, log, configuration }: Platform): Provider[] {
  const parts = { database, queue, notifications };
  return [
    { provide: ApiKeys, useValue: new ApiKeys(database) },
    { provide: MemberFiles, useValue: new MemberFiles({ objects, configuration }) },
    { provide: JobHistory, useValue: new JobHistory(database) },
    {
      provide: JobStore,
      useValue: new JobStore(parts, log, configuration.workerLostSeconds, [
        ...trackerServers(configuration.trackers).keys(),
      ]),
    },
    { provide: Shares, useValue: new Shares(database) },
    { provide: Tasks, useValue: new Tasks(parts) },
    { provide: OutboxRelay, useValue: new OutboxRelay(parts, log) },
  ];
}

/** The programs that the application runs beside itself. */
export interface AppPrograms {
  /** What answers prompts, compiled. */
  readonly generatorMain: string;
  readonly startPlanner: StartPlanner;
}

@Module({})
export class AppModule implements OnApplicationBootstrap {
  constructor(
    @Inject(PLATFORM) private readonly platform: Platform,
    @Inject(MemberFiles) private readonly members: MemberFiles,
  ) {}

  /** The application on an open platform, which is not closed with it. */
  static on(platform: Platform, { generatorMain, startPlanner }: AppPrograms): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        FilesController,
        UploadsController,
        JobsController,
        StreamsController,
        TrackersController,
        PermissionsController,
        PlanController,
        ModelsController,
        BaseModelsController,
        AdaptersController,
        ClassificationsController,
        CompletionsController,
        CompositionsController,
        ExportsController,
        PushesController,
        SharesController,
        LinksController,
        KeysController,
        WebhooksController,
        WorkersController,
        HealthController,
        PrometheusController,
      ],
      providers: [
        { provide: PLATFORM, useValue: platform },
        { provide: GENERATOR_MAIN, useValue: generatorMain },
        { provide: PLANNER, useValue: startPlanner },
        ...jobProviders(platform),
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_INTERCEPTOR, useClass: JsonBodies },
        { provide: APP_PIPE, useClass: RequestPipe },
        { provide: APP_FILTER, useValue: new ErrorFilter(platform.log) },
        AdapterImports,
        AdaptersService,
        AnswersService,
        BaseModels,
        BundledModels,
        ClassificationsService,
        CompletionsService,
        CompositionsService,
        ExportsService,
        PushesService,
        FileIntake,
        FilesService,
        Generators,
        HealthService,
        CheckpointArchives,
        TrackerFiles,
        TrackerSender,
        HistoryService,
        JobCare,
        JobRequests,
        JobsService,
        JobWakes,
        Members,
        ModelsService,
        PermissionsService,
        PlanService,
        Planner,
        Previews,
        PrometheusService,
        HubJobs,
        HubModels,
        RegistrationsService,
        SharesService,
        StreamsService,
        WantedModels,
        UploadsService,
        WebhookSender,
        WebhooksService,
        WorkersService,
      ],
    };
  }

  /** What processes left that died. */
  async onApplicationBootstrap(): Promise<void> {
    await this.members.sweep();
    await sweepSpool(spoolRoot(this.platform.configuration.home));
  }
}
