import { expect, test, vi } from 'vitest';
import { quietFramework } from './framework-log.js';

test('routes and modules are told as debugging, everything else as it comes', () => {
  const mock = () => vi.fn<(...said: unknown[]) => void>();
  const logger = { log: mock(), error: mock(), warn: mock(), debug: mock() };
  const quiet = quietFramework(logger);
  quiet.log('Mapped {/health, GET} route', 'RouterExplorer');
  quiet.log('listening', 'Main');
  quiet.error('broken', 'stack', 'Main');
  expect(logger.debug.mock.calls).toEqual([['Mapped {/health, GET} route', 'RouterExplorer']]);
  expect(logger.log.mock.calls).toEqual([['listening', 'Main']]);
  expect(logger.error.mock.calls).toEqual([['broken', 'stack', 'Main']]);
});
