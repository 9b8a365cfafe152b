/** Which field of a request an error of answering is about. */
import { LowrankError } from '#jit/errors.js';
import { ApiError } from '../errors/api-error.js';
import { GenerationError } from './generator-process.js';

export interface RequestFields {
  /** Where the prompt stands. */
  readonly prompt: 'messages' | 'prompt';
  /** Where the adapters stand. */
  readonly adapters: 'model' | 'members';
}

/** Of the machine rather than of the request. */
const ownFaults = ['disk_full', 'registry_corrupt'];
const ofPrompt = ['prompt_empty', 'chat_template_refused', 'chat_template_failed', 'token_out_of_range'];
const ofAdapters = /^(adapter|lora|members|safetensors|weight|rank|logits)_|^no_target_modules$/;

/** What clients are told of an error. */
export function refusalOf(error: unknown, { prompt, adapters }: RequestFields): unknown {
  if (!(error instanceof LowrankError) || error instanceof ApiError) return error;
  const { code, message } = error;
  if (code === 'generator_died') return new ApiError(503, code, message, { cause: error });
  if (!(error instanceof GenerationError) || !error.isTyped || ownFaults.includes(code)) return error;
  if (code === 'prompt_too_long') return refuse('context_length_exceeded', prompt, error);
  if (ofPrompt.includes(code)) return refuse(code, prompt, error);
  return refuse(code, ofAdapters.test(code) ? adapters : 'model', error);
}

function refuse(code: string, param: string, error: LowrankError): ApiError {
  return new ApiError(400, code, `${param}: ${error.message}`, { param, cause: error });
}
