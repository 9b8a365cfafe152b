/** The server that served this page. */
import { LowrankClient } from '#client/client.js';
import { serverAddress } from '../base-path.js';
import { keptKey, keyWanted } from './key.js';
import { browserTransport } from './transport.js';

export const client = new LowrankClient({
  url: serverAddress,
  key: keptKey,
  helpIfUnreachable: 'check that it is running',
  transport: browserTransport,
  onError: ({ status }) => {
    if (status === 401) keyWanted.dispatchEvent(new Event('wanted'));
  },
});
