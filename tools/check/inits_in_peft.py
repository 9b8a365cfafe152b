"""The other side of inits-with-peft.ts: logits of its adapters in the real PEFT, and adapters of PEFT with theirs.

    python tools/check/inits_in_peft.py FOLDER

The folder holds job.json and an adapter for each start; peft.json and an adapter `peft-INIT`, saved without conversion,
are written into it. Needs torch, transformers and peft.
"""
import json, os, sys, warnings
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

folder = sys.argv[1]
job = json.load(open(os.path.join(folder, 'job.json')))
ids = torch.tensor([job['tokens']])
warnings.simplefilter('ignore')


def base():
    return AutoModelForCausalLM.from_pretrained(job['base'], dtype=torch.float32, attn_implementation='eager').eval()


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits[0].flatten().tolist()


result = {'ours': {}, 'peft': {}}
for init in job['inits']:
    result['ours'][init] = logits(PeftModel.from_pretrained(base(), os.path.join(folder, init)))
    torch.manual_seed(11)
    config = LoraConfig(r=4, lora_alpha=6, target_modules=['q_proj', 'down_proj'], init_lora_weights=init, task_type='CAUSAL_LM')
    model = get_peft_model(base(), config)
    for name, parameter in model.named_parameters():
        if 'lora_' in name:
            parameter.data += 0.05 * torch.randn_like(parameter)
    to = os.path.join(folder, f'peft-{init}')
    model.save_pretrained(to)
    torch.manual_seed(12)
    result['peft'][init] = logits(PeftModel.from_pretrained(base(), to))
json.dump(result, open(os.path.join(folder, 'peft.json'), 'w'))
