"""The other side of hub-with-peft.ts: PEFT with a base and an adapter from the hub of HF_ENDPOINT, against their folders.

    HF_ENDPOINT=URL python tools/check/pull_in_peft.py BASE_FOLDER ADAPTER_FOLDER
"""
import sys
import torch
from huggingface_hub import ModelCard
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM

base_folder, adapter_folder = sys.argv[1:]
ids = torch.arange(1, 13)[None]


def logits(base, adapter):
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)
    with torch.no_grad():
        return model.eval()(ids).logits


pulled = logits(PeftConfig.from_pretrained('org/adapter').base_model_name_or_path, 'org/adapter')
here = logits(base_folder, adapter_folder)
with torch.no_grad():
    plain = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32).eval()(ids).logits
card = ModelCard.load('org/adapter').data
print(f'largest difference {(pulled - here).abs().max().item():.1e}, the adapter moves logits by {(here - plain).abs().max().item():.2f}')
print(f'the card names {card.base_model} as {card.base_model_relation}')
assert torch.equal(pulled, here) and not torch.equal(here, plain), 'other logits'
assert card.base_model == 'org/base' and card.base_model_relation == 'adapter', 'another card'
