/** The application on an open platform: for the server, and for tests. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import helmet from 'helmet';
import { pinoHttp } from 'pino-http';
import type { Platform } from '#platform/platform.js';
import { AppModule, type AppPrograms } from './app.module.js';
import { serveDashboard, viewPaths } from './dashboard/serve-dashboard.js';
import { corsOptions } from './http/cors.js';
import { holdBodies } from './http/expectations.js';
import { frameworkLog } from './http/framework-log.js';
import { serveDocument } from './http/openapi.js';
import { withoutPrefix } from './http/path-prefix.js';
import { nameRequests } from './http/request-id.js';
import { requestLog } from './http/request-log.js';
import { type BodyPace, limitSlowBodies, defaultPace } from './http/slow-bodies.js';
import { measureRequests } from './prometheus/measure-requests.js';
import { startPlanner as usualPlanner } from './planner/planner-process.js';
import { processMain } from '#platform/program.js';
import { PrometheusService } from './prometheus/prometheus.service.js';

export interface AppOptions extends Partial<AppPrograms> {
  readonly pace?: BodyPace;
}

/** Makes the application; it does not listen yet. */
export async function createApp(
  platform: Platform,
  {
    pace = defaultPace,
    generatorMain = processMain('generator'),
    startPlanner = usualPlanner,
  }: AppOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.on(platform, { generatorMain, startPlanner }),
    {
      bodyParser: false,
      logger: frameworkLog(platform.log),
      abortOnError: false,
      forceCloseConnections: true,
    },
  );
  app.disable('x-powered-by');
  const { pathPrefix, corsOrigins } = platform.configuration;
  app.use(withoutPrefix(pathPrefix, viewPaths));
  app.use(nameRequests);
  app.use(measureRequests(app.get(PrometheusService)));
  app.use(helmet(headers));
  if (corsOrigins.length > 0) app.enableCors(corsOptions(corsOrigins));
  serveDashboard(app, { prefix: pathPrefix });
  app.use(pinoHttp(requestLog(platform.log)));
  app.use(limitSlowBodies(pace));
  serveDocument(app, pathPrefix);
  const server = app.getHttpServer();
  holdBodies(server);
  // Long uploads are allowed; slow ones are cut by their pace.
  server.requestTimeout = 0;
  return app;
}

const headers: Parameters<typeof helmet>[0] = {
  contentSecurityPolicy: {
    directives: {
      // The server speaks plain HTTP by itself; helmet's default would send pages to https.
      upgradeInsecureRequests: null,
      // The page at /docs has scripts and styles of its own.
      scriptSrc: ["'self'", "'unsafe-inline'"],
    },
  },
  strictTransportSecurity: false,
};
