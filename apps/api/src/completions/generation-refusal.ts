/** Which field of a request an error of answering is about. */
import type { ErrorCode } from '#base/error-codes.js';
import type { LowrankError } from '#base/errors.js';
import { ApiError, isCallers } from '../errors/api-error.js';

export interface RequestFields {
  /** Where the prompt stands. */
  readonly prompt: 'messages' | 'prompt' | 'input';
  /** Whether that is a list of several. */
  readonly isList?: boolean;
  /** Where the adapters stand. */
  readonly adapters: 'model' | 'members';
}

const ofPrompt: readonly ErrorCode[] = [
  'prompt_empty',
  'chat_template_refused',
  'chat_template_failed',
  'token_out_of_range',
];
const ofAdapters = /^(adapter|lora|members|safetensors|weight|rank|logits)_|^no_target_modules$/;

/** What clients are told of an error. */
export function refusalOf(error: unknown, { prompt, adapters, isList = false }: RequestFields): unknown {
  if (!isCallers(error)) return error;
  const { code, details } = error;
  if (typeof details['param'] === 'string') return refuse(code, details['param'], error);
  const numbered = details['input'];
  const isOfInput = typeof numbered === 'number';
  const place = isOfInput && isList ? `${prompt}.${numbered}` : prompt;
  if (code === 'prompt_too_long') return refuse('context_length_exceeded', place, error);
  if (isOfInput) return refuse(code, place, error);
  if (code === 'calls_hidden') {
    return refuse(code, `${prompt}.${String(error.details['message'])}.tool_calls`, error);
  }
  if (ofPrompt.includes(code)) return refuse(code, prompt, error);
  return refuse(code, ofAdapters.test(code) ? adapters : 'model', error);
}

function refuse(code: ErrorCode, param: string, error: LowrankError): ApiError {
  return new ApiError(code, `${param}: ${error.message}`, { param, status: 400, cause: error });
}
