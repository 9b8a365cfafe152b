/** The closed list of what can go wrong, and what follows from it: HTTP status, exit code, another try. */

/**
 * Whose trouble an error is: the caller's (the same request fails again), the machine's (somebody must mend something:
 * room, a device, a library), transient (the same request may well succeed soon), or a bug of this program.
 */
export type ErrorKind = 'caller' | 'machine' | 'transient' | 'bug';

/** What a command ends with, for scripts. */
export const exitCodes = {
  done: 0,
  /** Whatever has no code of its own. */
  failed: 1,
  /** Wrong arguments, or something that the server refuses as it is. */
  badInput: 2,
  unreachable: 3,
  /** No key, or one that does not count. */
  denied: 4,
  notFound: 5,
  /** Something else stands in the way: a port or home in use, a state that does not allow it. */
  conflict: 6,
  jobFailed: 7,
  cancelled: 8,
  interrupted: 130,
} as const;

/** What follows from an error's code. */
export interface ErrorTraits {
  readonly kind: ErrorKind;
  /** Of the HTTP answer. */
  readonly status: number;
  /** Of a command; where it is left out, it follows from the status. */
  readonly exit?: number;
}

const caller: ErrorTraits = { kind: 'caller', status: 400 };
const machine: ErrorTraits = { kind: 'machine', status: 500 };
const transient: ErrorTraits = { kind: 'transient', status: 503 };
const bug: ErrorTraits = { kind: 'bug', status: 500 };

const table = {
  // Requests and arguments
  invalid_request: caller,
  invalid_form: caller,
  missing_file: caller,
  not_multipart: caller,
  unsupported: caller,
  usage: caller,
  configuration: caller,
  unknown_url: { ...caller, status: 404 },
  body_too_large: { ...caller, status: 413 },
  unsupported_media_type: { ...caller, status: 415 },
  range_not_satisfiable: { ...caller, status: 416 },
  precondition_failed: { ...caller, status: 412 },
  invalid_api_key: { ...caller, status: 401 },
  host_not_allowed: { ...caller, status: 403 },
  origin_not_allowed: { ...caller, status: 403 },
  idempotency_mismatch: { ...caller, status: 422 },
  keys_required: caller,
  admin_required: { ...caller, status: 403 },
  last_admin_key: { ...caller, status: 409 },
  key_not_found: { ...caller, status: 404 },
  key_name_invalid: caller,
  project_name_invalid: caller,
  request_timeout: { ...caller, status: 408 },
  upload_aborted: caller,
  client_gone: { ...caller, status: 499 },
  cancelled: { ...caller, exit: exitCodes.cancelled },
  interrupted: { ...caller, exit: exitCodes.interrupted },

  // Files and data
  file_not_found: { ...caller, status: 404 },
  file_purpose: caller,
  file_too_large: { ...caller, status: 413 },
  file_unreadable: caller,
  invalid_data: caller,
  classes_invalid: caller,
  head_untrained: caller,
  line_too_long: caller,
  examples_invalid: caller,
  output_exists: { ...caller, exit: exitCodes.conflict },
  output_not_empty: { ...caller, exit: exitCodes.conflict },
  archive_refused: caller,
  image_invalid: caller,
  image_too_large: { ...caller, status: 413 },
  object_too_large: { ...caller, status: 413 },

  // Jobs and tasks
  fine_tuning_job_not_found: { ...caller, status: 404 },
  job_not_found: { ...caller, status: 404 },
  job_not_finished: { ...caller, status: 409, exit: exitCodes.conflict },
  job_in_use: { ...caller, status: 409, exit: exitCodes.conflict },
  job_finished: { ...caller, exit: exitCodes.conflict },
  job_transition: { ...caller, exit: exitCodes.conflict },
  job_invalid: caller,
  job_unreadable: caller,
  job_file_in_output: caller,
  job_failed: { ...caller, exit: exitCodes.jobFailed },
  job_cancelled: { ...caller, exit: exitCodes.cancelled },
  training_options_invalid: caller,
  lora_config_invalid: caller,
  no_target_modules: caller,
  rank_too_large: caller,
  rank_invalid: caller,
  rank_not_divisible: caller,
  loss_missing: caller,
  no_blocks: caller,
  init_adapter_mismatch: caller,
  composition_finished: { ...caller, exit: exitCodes.conflict },
  composition_in_use: { ...caller, status: 409 },
  composition_not_found: { ...caller, status: 404 },
  export_finished: { ...caller, exit: exitCodes.conflict },
  push_finished: { ...caller, exit: exitCodes.conflict },
  push_not_found: { ...caller, status: 404 },
  push_refused: { ...caller, status: 403 },
  export_not_found: { ...caller, status: 404 },
  registration_not_found: { ...caller, status: 404 },
  share_not_found: { ...caller, status: 404 },
  permission_not_found: { ...caller, status: 404 },
  upload_not_found: { ...caller, status: 404 },
  upload_closed: { ...caller, exit: exitCodes.conflict },
  upload_mismatch: caller,
  webhook_not_found: { ...caller, status: 404 },
  webhook_failed: caller,
  checkpoint_not_found: { ...caller, status: 404 },
  checkpoint_job_mismatch: caller,
  checkpoint_engine_mismatch: caller,
  out_of_memory_predicted: caller,
  loss_not_finite: caller,
  gradient_not_finite: caller,
  adapter_not_finite: caller,

  // Base models
  model_not_found: { ...caller, status: 404 },
  model_not_registered: { ...caller, status: 404 },
  model_folder_not_found: caller,
  model_folder_not_allowed: caller,
  model_gated: { ...caller, status: 403 },
  model_in_use: { ...caller, status: 409 },
  model_not_allowed: { ...caller, status: 403 },
  model_is_base: caller,
  model_name_invalid: caller,
  model_name_taken: { ...caller, status: 409 },
  model_config_invalid: caller,
  model_config_missing: caller,
  base_changed: caller,
  base_mismatch: caller,
  base_folder_unknown: { ...caller, status: 404 },
  tokenizer_invalid: caller,
  tokenizer_mismatch: caller,
  tokenizer_missing: caller,
  tokenizer_not_found: caller,
  chat_template_missing: caller,
  chat_template_unreadable: caller,
  chat_template_invalid: caller,
  chat_template_refused: caller,
  calls_hidden: caller,
  chat_template_failed: caller,
  weights_index_invalid: caller,
  weights_not_found: caller,
  weights_mismatch: caller,
  weights_pickled: caller,
  weights_scattered: caller,
  weights_all_zero: caller,
  weight_not_finite: caller,
  weights_miscounted: caller,
  gguf_invalid: caller,
  token_out_of_range: caller,
  text_section: caller,
  safetensors_duplicate_key: caller,
  safetensors_entry_invalid: caller,
  safetensors_header_not_json: caller,
  safetensors_header_not_utf8: caller,
  safetensors_header_too_large: caller,
  safetensors_header_truncated: caller,
  safetensors_hole: caller,
  safetensors_integer_too_large: caller,
  safetensors_metadata_invalid: caller,
  safetensors_not_a_file: caller,
  safetensors_offsets_invalid: caller,
  safetensors_overlap: caller,
  safetensors_size_mismatch: caller,
  safetensors_too_many_tensors: caller,
  safetensors_too_small: caller,
  safetensors_trailing_bytes: caller,
  safetensors_truncated: caller,
  safetensors_unknown_dtype: caller,

  // Adapters and composition
  adapter_not_found: { ...caller, status: 404 },
  adapter_ambiguous: caller,
  adapter_invalid: caller,
  adapter_incomplete: caller,
  base_unknown: caller,
  adapter_config_invalid: caller,
  adapter_corrupt: caller,
  adapter_mismatch: caller,
  adapter_not_mergeable: caller,
  members_not_additive: caller,
  adapter_layout_mismatch: caller,
  adapter_weights_pickled: caller,
  foreign_tensor: caller,
  composition_empty: caller,
  members_misfit: caller,
  rank_above_stack: caller,
  energy_invalid: caller,
  weights_without_composition: caller,
  delta_mixes_groups: caller,
  delta_not_finite: caller,
  shard_size_invalid: caller,
  download_damaged: { ...transient, exit: exitCodes.failed },
  module_not_found: caller,
  already_adapted: caller,
  model_json_invalid: caller,
  selector_fixed: caller,
  selector_size: caller,

  // Answers
  prompt_empty: caller,
  prompt_too_long: caller,
  context_length_exceeded: caller,
  max_tokens_invalid: caller,
  sampling_invalid: caller,
  stop_invalid: caller,
  answer_cancelled: { ...caller, status: 499 },
  logits_not_finite: caller,
  too_many_prompts: { ...caller, status: 429 },
  queue_crowded: { ...caller, status: 429 },
  queue_full: { ...caller, status: 429 },
  chat_failed: caller,

  // What a machine has or lacks
  disk_full: { ...machine, status: 507 },
  store_full: { ...machine, status: 507 },
  worker_missing: machine,
  device_missing: machine,
  device_busy: machine,
  dependency_missing: machine,
  driver_missing: machine,
  driver_too_old: machine,
  job_too_large: machine,
  base_model_missing: machine,
  device_unsuitable: machine,
  home_unusable: machine,
  home_in_use: { ...machine, exit: exitCodes.conflict },
  installation_running: { ...machine, exit: exitCodes.conflict },
  port_in_use: { ...machine, exit: exitCodes.conflict },
  port_forbidden: machine,
  host_unusable: machine,
  platform_unsupported: machine,
  postgres_account: machine,
  postgres_failed: machine,
  postgres_software: machine,
  postgres_version: machine,
  database_newer: machine,
  program_missing: machine,
  program_failed: machine,
  tools_missing: machine,
  not_built: machine,
  dashboard_not_built: { ...machine, status: 404 },
  tfjs_node_broken: machine,
  tfjs_node_missing: machine,
  tfjs_node_no_gpu: machine,
  tfjs_node_wrong: machine,
  start_failed: machine,
  file_changed: machine,
  file_access: machine,
  data_package: machine,

  // What may work when tried again
  database_unavailable: transient,
  queue_unavailable: transient,
  store_unavailable: transient,
  server_unreachable: transient,
  download_failed: transient,
  server_stopping: transient,
  answer_unexpected: { ...transient, status: 502 },
  call_silent: transient,
  call_timeout: transient,
  generator_died: transient,
  planner_died: transient,
  preview_died: transient,
  preview_stopped: transient,
  task_died: transient,
  attempt_stopped: transient,
  task_stopped: transient,
  worker_stopping: transient,
  worker_lost: transient,
  claim_lost: transient,
  trainer_killed: transient,

  // What should never happen
  internal_error: bug,
  message_unreadable: bug,
  state_missing: bug,
  state_size: bug,
  input_missing: bug,
  input_size: bug,
  parameter_unbound: bug,
  nested_trace: bug,
  not_tracing: bug,
  no_numbers: bug,
  unknown_kernel: bug,
  unknown_lowering: bug,
  constant_too_large: bug,
  loop_too_long: bug,
  conv_shape: bug,
  tensor_size: bug,
  folder_exists: bug,
  object_exists: bug,
  object_missing: bug,
  object_corrupt: bug,
  object_key: bug,
  registry_corrupt: bug,
  checkpoint_corrupt: bug,
  prepared_data_corrupt: bug,
  trainer_unkillable: bug,
  trainer_hung: bug,
  trainer_crashed: bug,
  trainer_killed_repeatedly: bug,
} satisfies Readonly<Record<string, ErrorTraits>>;

/** Every code that an error of this project can have. */
export type ErrorCode = keyof typeof table;

/** What follows from a code. */
export const traitsOf = (code: ErrorCode): ErrorTraits => table[code];

/** A code that came as text from another process or machine; what this version does not know is `unknown`. */
export function errorCodeOf(text: string, unknown: ErrorCode = 'internal_error'): ErrorCode {
  return Object.hasOwn(table, text) ? (text as ErrorCode) : unknown;
}

const exitByStatus: Readonly<Record<number, number>> = {
  400: exitCodes.badInput,
  401: exitCodes.denied,
  403: exitCodes.denied,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  412: exitCodes.conflict,
  413: exitCodes.badInput,
  415: exitCodes.badInput,
  416: exitCodes.badInput,
  422: exitCodes.badInput,
  429: exitCodes.unreachable,
  503: exitCodes.unreachable,
};

/** The exit code that an HTTP status stands for. */
export const exitOfStatus = (status: number): number => exitByStatus[status] ?? exitCodes.failed;

/** The exit code of an error with this code. */
export function exitOf(code: ErrorCode): number {
  const { status, exit } = traitsOf(code);
  return exit ?? exitOfStatus(status);
}

/** Whether the same work may succeed when it is tried again without anybody's help. */
export const isRetryable = (code: ErrorCode): boolean => traitsOf(code).kind !== 'caller';
