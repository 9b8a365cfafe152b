"""Which modules a LoRA configuration adapts, each with [r, lora_alpha, scale], computed by the real PEFT on real model classes.

    python tools/golden/target-modules.py > libs/lora/target-modules.golden.json && npx prettier --write libs/lora/*.json

A case that PEFT refuses has the name of the exception instead of modules. Made with transformers 5.23, peft 0.21.2.
"""
import json, logging, sys, warnings
import torch, transformers as hf
from peft import LoraConfig, get_peft_model

logging.disable(logging.WARNING)
warnings.simplefilter('ignore')

SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=12, num_attention_heads=2, num_key_value_heads=1, vocab_size=40, head_dim=8)
MODELS = {
    'llama': lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES)),
    'qwen2': lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**SIZES, tie_word_embeddings=True)),
    'mistral': lambda: hf.MistralForCausalLM(hf.MistralConfig(**dict(SIZES, num_hidden_layers=2))),
}
CASES = [
    ('llama', dict()),
    ('qwen2', dict()),
    ('mistral', dict(use_rslora=True, r=3)),
    ('llama', dict(target_modules='all-linear')),
    ('qwen2', dict(target_modules='ALL-Linear', exclude_modules=['lm_head', 'o_proj'])),
    ('llama', dict(target_modules=['q_proj', 'mlp.down_proj', 'model.layers.3.self_attn.k_proj'])),
    ('llama', dict(target_modules=['proj'])),
    ('llama', dict(target_modules=['layers.1.self_attn.q_proj'])),
    ('llama', dict(target_modules=r'.*layers\.1\..*(gate|up)_proj')),
    ('llama', dict(target_modules=r'.*\.(?P<which>[qv])_proj')),
    ('llama', dict(target_modules=r'(?i)MODEL\.LAYERS\.0\..*Q_PROJ')),
    ('llama', dict(target_modules=r'\Amodel\.layers\.\d{,1}\.mlp\.up_proj\Z')),
    ('llama', dict(target_modules=r'.*layers\.[]0-2]\..*(?#queries only)q_proj')),
    ('llama', dict(target_modules=r'model\.layers\.(\d)\1\.self_attn\.q_proj')),
    ('llama', dict(target_modules=r'model\.layers\.(?P<d>\d)(?P=d)\.self_attn\.q_proj')),
    ('llama', dict(target_modules=r'.*q_pro')),
    ('llama', dict(target_modules='q_proj')),
    ('llama', dict(target_modules=r'.*layers\.0.*')),
    ('llama', dict(target_modules=['self_attn'])),
    ('llama', dict(target_modules=['q_proj', 'v_proj'], exclude_modules=['layers.0.self_attn.q_proj', 'model.layers.11.self_attn.v_proj'])),
    ('llama', dict(target_modules=['q_proj', 'v_proj'], exclude_modules=r'.*layers\.\d\..*')),
    ('llama', dict(target_modules=['q_proj'], exclude_modules=['q_proj'])),
    ('llama', dict(target_modules=['q_proj', 'k_proj'], layers_to_transform=[0, 11])),
    ('llama', dict(target_modules=['q_proj', 'k_proj'], layers_to_transform=1)),
    ('llama', dict(target_modules=['q_proj', 'k_proj'], layers_to_transform=[])),
    ('llama', dict(target_modules=['q_proj', 'model.layers.5.self_attn.k_proj'], layers_to_transform=[2])),
    ('llama', dict(target_modules=['q_proj'], layers_to_transform=[1], layers_pattern='layers')),
    ('llama', dict(target_modules=['q_proj'], layers_to_transform=[1], layers_pattern=['h', 'layers'])),
    ('llama', dict(target_modules=['q_proj'], layers_to_transform=[1], layers_pattern=r'(h|layers)')),
    ('llama', dict(target_modules=['q_proj'], layers_to_transform=[1], layers_pattern='blocks')),
    ('llama', dict(target_modules=['q_proj'], layers_to_transform=[99])),
    ('llama', dict(r=4, lora_alpha=6, target_modules=['q_proj', 'v_proj', 'down_proj'], rank_pattern={'down_proj': 2, r'layers\.1\.self_attn\.q_proj': 6}, alpha_pattern={'v_proj': 24})),
    ('llama', dict(r=4, target_modules=['q_proj'], rank_pattern={'q_proj': 2, r'layers\.1\.self_attn\.q_proj': 6})),
    ('llama', dict(r=4, target_modules=['q_proj'], rank_pattern={r'layers\.1\.self_attn\.q_proj': 6, 'q_proj': 2})),
    ('llama', dict(r=4, target_modules=['q_proj', 'k_proj'], rank_pattern={'proj': 2, '.*k_proj': 3, '^model.layers.2.self_attn.q_proj': 5})),
    ('llama', dict(r=4, target_modules=['q_proj', 'k_proj'], rank_pattern={r'layers.1': 2, 'q_proj|nothing': 3}, use_rslora=True)),
    ('llama', dict(r=4, lora_alpha=3, target_modules=['q_proj', 'k_proj'], rank_pattern={r'layers\.[0-5]\..*': 2}, alpha_pattern={r'model\.layers\.(\d)\..*': 7})),
    ('llama', dict(target_modules=['q_proj', 'typo_proj'])),
    ('llama', dict(target_modules=['q_prj'])),
    ('llama', dict(target_modules=[f'model.layers.{i}.self_attn.{n}_proj' for i in range(12) for n in 'qk'])),
]

families, cases = {}, []
for family, config in CASES:
    with torch.device('meta'):
        model = MODELS[family]()
    families[family] = {k: getattr(model.config, k) for k in (*SIZES, 'tie_word_embeddings')}
    case = dict(family=family, config=config)
    try:
        peft_model = get_peft_model(model, LoraConfig(task_type='CAUSAL_LM', **config), low_cpu_mem_usage=True)
        case['modules'] = {n.removeprefix('base_model.model.'): [m.r['default'], m.lora_alpha['default'], m.scaling['default']]
                           for n, m in peft_model.named_modules() if hasattr(m, 'lora_A') and 'default' in m.lora_A}
        case['trainable_parameters'] = sum(p.numel() for n, p in peft_model.named_parameters() if '.lora_' in n)
    except Exception as error:
        case['error'] = type(error).__name__
        print(config, type(error).__name__, str(error)[:150].replace('\n', ' '), file=sys.stderr)
    cases.append(case)
print(json.dumps(dict(families=families, cases=cases)))
