/** Jobs as the page makes, follows and steers them; `jobs.ts` reads them. */
import { JobsClient } from '#client/jobs.js';
import { connection } from './connection.js';

export const jobsClient = new JobsClient(connection);
