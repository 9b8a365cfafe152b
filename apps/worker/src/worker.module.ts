import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type Configuration, parseConfiguration } from '#platform/config.js';
import { openPlatform, Platform } from '#platform/platform.js';
import { findDevices } from './find-devices.js';
import { machineMemory } from './memory-need.js';
import { processMain, programVersion } from '#platform/program.js';
import { Worker } from './worker.js';

const CONFIGURATION = Symbol('configuration');

/** The worker as a Nest application without a server. */
@Module({})
export class WorkerModule implements OnApplicationShutdown {
  constructor(
    @Inject(Worker) private readonly worker: Worker,
    @Inject(Platform) private readonly platform: Platform,
  ) {}

  static register(environment: NodeJS.ProcessEnv): DynamicModule {
    return {
      module: WorkerModule,
      providers: [
        { provide: CONFIGURATION, useFactory: () => parseConfiguration(environment) },
        {
          provide: Platform,
          inject: [CONFIGURATION],
          useFactory: (configuration: Configuration) => openPlatform(configuration, { name: 'worker' }),
        },
        { provide: Worker, inject: [Platform], useFactory: createWorker },
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker.stop();
    await this.platform.close();
  }
}

function createWorker(platform: Platform): Worker {
  const memoryBytes = machineMemory();
  const { configuration, log } = platform;
  const { workerDevices: wanted, home, cudaFolder } = configuration;
  return new Worker(platform, {
    version: programVersion,
    trainerMain: processMain('trainer'),
    memoryBytes,
    findDevices: () => findDevices({ wanted, home, cudaFolder, memoryBytes, log }),
  });
}
