/** Classes of texts as the page asks for them. */
import { ClassificationsClient } from '#client/classifications.js';
import { connection } from './connection.js';

export const classificationsClient = new ClassificationsClient(connection);
