/** Which field of a request an error of answering is about. */
import { LowrankError } from '#jit/errors.js';
import { ApiError } from '../errors/api-error.js';
import { GenerationError } from './generator-process.js';

/** Of the machine rather than of the request. */
const ownFaults = ['disk_full', 'store_unavailable', 'object_missing', 'object_corrupt'];
const ofPrompt = ['prompt_empty', 'chat_template_refused', 'chat_template_failed', 'token_out_of_range'];

/** What clients are told of an error; `promptField` is where the request has its prompt. */
export function refusalOf(error: unknown, promptField: 'messages' | 'prompt'): unknown {
  if (!(error instanceof LowrankError) || error instanceof ApiError) return error;
  const { code, message } = error;
  if (code === 'generator_died') return new ApiError(503, code, message, { cause: error });
  if (!(error instanceof GenerationError) || !error.isTyped || ownFaults.includes(code)) return error;
  if (code === 'prompt_too_long') return refuse('context_length_exceeded', promptField, error);
  return refuse(code, ofPrompt.includes(code) ? promptField : 'model', error);
}

function refuse(code: string, param: string, error: LowrankError): ApiError {
  return new ApiError(400, code, `${param}: ${error.message}`, { param, cause: error });
}
