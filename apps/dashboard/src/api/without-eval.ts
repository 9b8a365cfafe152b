/** Imported before any schema: the page's content policy forbids the code that Zod would compile schemas to. */
import { config } from 'zod';

config({ jitless: true });
