/** Kinds of models that are known and not done, so that a refusal can say what to take. */

interface KnownKind {
  readonly what: string;
  readonly instead: string;
  /** Fields of config.json that only such models have, of themselves or of their text model. */
  readonly fields: readonly string[];
  readonly architecture?: RegExp;
}

const kinds: readonly KnownKind[] = [
  {
    what: 'mixtures of experts',
    instead: 'take a dense model of the family, such as Qwen3ForCausalLM',
    fields: [
      'num_experts',
      'num_local_experts',
      'n_routed_experts',
      'moe_intermediate_size',
      'moe_num_experts',
    ],
    architecture: /moe|mixtral|gptoss|dbrx|deepseekv[2-4]|llama4/i,
  },
  {
    what: 'keys and values from a latent vector (MLA)',
    instead: 'take a model with ordinary attention, such as Qwen3ForCausalLM',
    fields: ['kv_lora_rank'],
    architecture: /minicpm3/i,
  },
  {
    what: 'state-space layers',
    instead:
      'take a model of attention, such as LlamaForCausalLM, or Lfm2ForCausalLM with its short convolutions',
    fields: ['mamba_d_state', 'mamba_d_ssm', 'ssm_cfg', 'state_size'],
    architecture: /mamba|jamba|bamba|nemotronh|falconh1|rwkv/i,
  },
  {
    what: 'encoders with a decoder',
    instead: 'take a decoder, such as LlamaForCausalLM, or an encoder with a classification head',
    fields: ['decoder_layers', 'decoder_start_token_id'],
    architecture: /^(t5|mt5|bart|mbart|pegasus|marian|whisper)/i,
  },
];

/** What a model is that no family reads, and what to take in its place; undefined for one of no known kind. */
export function explainNotDone(json: Readonly<Record<string, unknown>>): string | undefined {
  const { architectures, text_config: text } = json;
  const named = Array.isArray(architectures) ? String(architectures[0]) : '';
  const all = typeof text === 'object' && text !== null ? { ...json, ...text } : json;
  const has = (field: string) => (all as Record<string, unknown>)[field] !== undefined;
  const kind = kinds.find(({ fields, architecture }) => architecture?.test(named) || fields.some(has));
  return kind && `${kind.what} are not done: ${kind.instead}`;
}
