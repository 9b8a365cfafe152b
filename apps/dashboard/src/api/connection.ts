/** The server that served this page. Clients of it lie with what they are used for, so that a view loads no others. */
import { Connection } from '#client/connection.js';
import { serverAddress } from '../base-path.js';
import { keptKey, keyWanted } from './key.js';
import { browserTransport } from './transport.js';

export const connection = new Connection({
  url: serverAddress,
  key: keptKey,
  helpIfUnreachable: 'check that it is running',
  transport: browserTransport,
  onError: ({ status }) => {
    if (status === 401) keyWanted.dispatchEvent(new Event('wanted'));
  },
});
