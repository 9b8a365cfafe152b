/** Every change of the tables, oldest first. */
import type { MigrationInterface } from 'typeorm';
import { Tables1795500000000 } from '#platform/database/migrations/1795500000000-tables.js';

export const migrations: (new () => MigrationInterface)[] = [Tables1795500000000];
