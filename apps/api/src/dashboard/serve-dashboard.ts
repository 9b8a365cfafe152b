/** The dashboard: built files, and one page for the address of every view. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import express, { type Response } from 'express';
import { ApiError } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { programRoot } from '#platform/program.js';

const builtFolder = path.join(programRoot, 'dist/dashboard');

/** Addresses of views; the page itself finds out which one is meant. */
export const viewPaths = [
  '/',
  '/jobs',
  '/jobs/:id',
  '/new',
  '/models',
  '/data',
  '/data/:id',
  '/adapters',
  '/adapters/:id',
  '/playground',
  '/compare',
  '/compose',
  '/workers',
  '/glossary',
];

/** Everything comes from this server; no script or style stands in the page itself. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = { 'content-security-policy': contentPolicy, 'cache-control': 'no-cache' };

const unbuilt = () =>
  new ApiError('dashboard_not_built', 'the dashboard is not built: run `npm run build`, then load it again');

export interface DashboardOptions {
  /** Where it was built to. */
  readonly folder?: string;
  /** Where a proxy shows the server on its host; empty for the root. */
  readonly prefix?: string;
}

/** Serves the dashboard without a key: it holds no data, and asks for a key where the API does. */
export function serveDashboard(
  app: NestExpressApplication,
  { folder = builtFolder, prefix = '' }: DashboardOptions = {},
): void {
  const server = app.getHttpAdapter().getInstance();
  // Names of assets carry a digest of their content.
  server.use(
    '/assets',
    express.static(path.join(folder, 'assets'), { immutable: true, maxAge: '365d', index: false }),
  );
  const index = path.join(folder, 'index.html');
  server.get(viewPaths, async (_request, response) => {
    const page = await readFile(index, 'utf8').catch(() => null);
    if (page === null) refuse(response, unbuilt());
    else response.set(headers).type('html').send(under(prefix, page));
  });
  server.get('/icon.svg', (_request, response) => {
    response.set(headers).sendFile('icon.svg', { root: folder }, (error) => {
      if (error && !response.headersSent) refuse(response, unbuilt());
    });
  });
}

/** The page with the addresses of its files, and with the prefix for its script, which asks for everything else. */
function under(prefix: string, page: string): string {
  return page
    .replaceAll('="./', `="${prefix}/`)
    .replace('<head>', `<head>\n    <meta name="lowrank-prefix" content="${prefix}" />`);
}

function refuse(response: Response, error: ApiError): void {
  const { status, headers, body } = answerFor(error);
  response.status(status).set(headers).json(body);
}
