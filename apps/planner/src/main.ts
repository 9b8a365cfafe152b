/**
 * The process that plans for the API that forked it, and checks what was uploaded: see libs/jobs/planner-calls.ts. It ends
 * when its parent does.
 */
import { serveCalls } from '#contracts/serve-calls.js';
import { plannerMethods } from '#jobs/planner-calls.js';
import { keepHeapSmall } from '#platform/heap-growth.js';
import { plannerHandlers } from './handlers.js';

keepHeapSmall();
serveCalls(plannerMethods, plannerHandlers());
