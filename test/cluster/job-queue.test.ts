import { createLog } from '#platform/log.js';
import { openRedisQueue } from '#platform/queue/redis-queue.js';
import { describeJobQueue } from '../contract/job-queue.contract.js';
import { startRedis } from './servers.js';

const log = createLog({ level: 'silent', name: 'test' });

describeJobQueue('Redis', async () => {
  const redis = await startRedis();
  return {
    open: () => openRedisQueue(redis.url, 'lowrank-test', log),
    restart: (between) => redis.restart(between),
    close: () => redis.close(),
  };
});
