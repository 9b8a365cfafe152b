/** Answers of models as the page asks for them. */
import { CompletionsClient } from '#client/completions.js';
import { connection } from './connection.js';

export const completionsClient = new CompletionsClient(connection);
