/** Experiment trackers in addresses. */
import { z } from 'zod';
import { trackerFiles } from '#trackers/declared/registry.js';

/** One that has a file of every job. */
export const trackerWithFile = z.enum(trackerFiles.map(({ type }) => type));
