/** The dashboard: built files, and one page for the address of every view. */
import path from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import express, { type Response } from 'express';
import { ApiError } from '../errors/api-error.js';
import { answerFor } from '../errors/error-answer.js';
import { programFolder } from '../program.js';

const builtFolder = path.join(programFolder, 'dist/dashboard');

/** Addresses of views; the page itself finds out which one is meant. */
export const viewPaths = ['/', '/jobs/:id', '/new', '/adapters', '/adapters/:id', '/compose', '/workers'];

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

const unbuilt = () =>
  new ApiError('dashboard_not_built', 'the dashboard is not built: run `npm run build`, then load it again');

/** Serves the dashboard without a key: it holds no data, and asks for a key where the API does. */
export function serveDashboard(app: NestExpressApplication, folder = builtFolder): void {
  const server = app.getHttpAdapter().getInstance();
  // Names of assets carry a digest of their content.
  server.use(
    '/assets',
    express.static(path.join(folder, 'assets'), { immutable: true, maxAge: '365d', index: false }),
  );
  server.get(viewPaths, (_request, response) => sendFile(response, folder, 'index.html'));
  server.get('/icon.svg', (_request, response) => sendFile(response, folder, 'icon.svg'));
}

function sendFile(response: Response, root: string, name: string): void {
  response.set({ 'content-security-policy': contentPolicy, 'cache-control': 'no-cache' });
  response.sendFile(name, { root }, (error) => {
    if (!error || response.headersSent) return;
    const { status, headers, body } = answerFor(unbuilt());
    response.status(status).set(headers).json(body);
  });
}
