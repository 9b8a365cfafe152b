"""Inverse frequencies and attention scaling of rotary embeddings, computed by the real transformers.

    python tools/golden/rotary-frequencies.py > libs/models/config-rope.golden.json && npx prettier --write libs/models/*.json

Each case is a piece of a config.json, read by transformers' own configuration and rotary embedding classes (f32, CPU), so
the defaults and the precedence of old and new spellings are theirs too. Made with torch 2.13, transformers 5.23.
"""
import json, logging
import torch, transformers as hf

torch.set_num_threads(1)
logging.disable(logging.WARNING)

FAMILIES = {
    'llama': (hf.LlamaConfig, hf.models.llama.modeling_llama.LlamaRotaryEmbedding),
    'mistral': (hf.MistralConfig, hf.models.mistral.modeling_mistral.MistralRotaryEmbedding),
    'qwen2': (hf.Qwen2Config, hf.models.qwen2.modeling_qwen2.Qwen2RotaryEmbedding),
}
SMALL = dict(hidden_size=32, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
CASES = [
    ('no rope key at all', 'llama', SMALL),
    ('fixtures llama and mistral', 'llama', dict(SMALL, rope_theta=10000.0, rope_scaling=None)),
    ('fixture llama-untied', 'llama', dict(SMALL, rope_parameters=dict(rope_theta=500000.0, rope_type='default'))),
    ('fixture llama3-rope', 'llama', dict(SMALL, rope_theta=500000.0, rope_scaling=dict(rope_type='llama3', factor=4.0, low_freq_factor=1.0,
        high_freq_factor=4.0, original_max_position_embeddings=16))),
    ('fixture llama-linear-rope-bias', 'llama', dict(SMALL, rope_theta=10000.0, rope_scaling=dict(rope_type='linear', factor=2.0))),
    ('fixture qwen2', 'qwen2', dict(SMALL, rope_theta=1000000.0)),
    ('fixture qwen2-yarn', 'qwen2', dict(SMALL, rope_parameters=dict(rope_type='yarn', rope_theta=1000000.0, factor=4.0, original_max_position_embeddings=16))),
    ('SmolLM2 135M', 'llama', dict(hidden_size=576, num_attention_heads=9, max_position_embeddings=8192, rope_theta=100000)),
    ('Llama 3.2 1B', 'llama', dict(hidden_size=2048, num_attention_heads=32, head_dim=64, max_position_embeddings=131072, rope_theta=500000.0,
        rope_scaling=dict(LLAMA3, factor=32.0))),
    ('Llama 3.1 8B', 'llama', dict(hidden_size=4096, num_attention_heads=32, max_position_embeddings=131072, rope_theta=500000.0, rope_scaling=LLAMA3)),
    ('Mistral 7B', 'mistral', dict(hidden_size=4096, num_attention_heads=32, max_position_embeddings=32768, rope_theta=1000000.0)),
    ('head_dim apart from hidden_size', 'mistral', dict(hidden_size=5120, num_attention_heads=32, head_dim=128, rope_theta=1000000.0)),
    ('Qwen2.5 7B with the documented yarn', 'qwen2', dict(hidden_size=3584, num_attention_heads=28, num_key_value_heads=4, max_position_embeddings=32768, rope_theta=1000000.0,
        rope_scaling=dict(type='yarn', factor=4.0, original_max_position_embeddings=32768))),
    ('yarn with every option', 'llama', dict(hidden_size=256, num_attention_heads=2, max_position_embeddings=16384, rope_theta=50000.0, rope_scaling=dict(
        rope_type='yarn', factor=40.0, original_max_position_embeddings=4096, beta_fast=16, beta_slow=2, mscale=0.707, mscale_all_dim=1.0, truncate=False))),
    ('yarn with a given attention factor', 'llama', dict(hidden_size=256, num_attention_heads=2, max_position_embeddings=16384, rope_scaling=dict(
        rope_type='yarn', factor=4.0, original_max_position_embeddings=4096, attention_factor=1.25))),
    ('yarn without the original length', 'llama', dict(hidden_size=256, num_attention_heads=2, max_position_embeddings=4096, rope_scaling=dict(rope_type='yarn', factor=2.0))),
    ('yarn with a factor from the lengths', 'llama', dict(hidden_size=256, num_attention_heads=2, max_position_embeddings=16384, rope_scaling=dict(
        rope_type='yarn', factor=None, original_max_position_embeddings=4096))),
    ('yarn with an empty ramp', 'llama', dict(hidden_size=8, num_attention_heads=1, max_position_embeddings=64, rope_theta=10000.0, rope_scaling=dict(
        rope_type='yarn', factor=2.0, original_max_position_embeddings=64, beta_fast=10, beta_slow=10, truncate=False))),
    ('old spelling `type`, theta left out', 'llama', dict(SMALL, rope_scaling=dict(type='linear', factor=3))),
    ('rope_theta at the top beside rope_parameters', 'llama', dict(SMALL, rope_theta=777.0, rope_parameters=dict(rope_type='default'))),
    ('rope_scaling wins over rope_parameters', 'llama', dict(SMALL, rope_theta=5000.0, rope_scaling=dict(rope_type='linear', factor=2.0),
        rope_parameters=dict(rope_type='linear', rope_theta=9000.0, factor=8.0))),
    ('original length at the top wins', 'llama', dict(SMALL, original_max_position_embeddings=32, rope_scaling=dict(rope_type='llama3', factor=4.0,
        low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
]

out = []
for name, family, config in CASES:
    configuration, rotary = FAMILIES[family]
    parsed = configuration(**json.loads(json.dumps(config)))
    embedding = rotary(parsed)
    out.append(dict(name=name, family=family, config=config, head_dim=getattr(parsed, 'head_dim', None) or parsed.hidden_size // parsed.num_attention_heads,
                    inv_freq=[float(x) for x in embedding.inv_freq], attention_scaling=float(embedding.attention_scaling)))
print(json.dumps(out))
