"""Loads an adapter with the real PEFT and shows what the model answers with it.

    python tools/check/load-adapter-in-peft.py --base FOLDER --adapter FOLDER --input-ids '[[1, 2, 3]]' [--greedy 8]
        [--merge] [--out FILE.safetensors]

Prints JSON: the logits of the last position and greedy tokens of each row, how far merged weights and an adapter that is
switched off are away, and every warning that loading raised (a good adapter raises none). `--out` writes all logits to a
file instead. Needs torch, transformers and peft. Everything is float32 on the CPU.
"""
import argparse, json, os, warnings
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument('--base', required=True)
parser.add_argument('--adapter', required=True)
parser.add_argument('--input-ids', required=True, help='JSON, or a file with JSON: a list of rows of equal length')
parser.add_argument('--greedy', type=int, default=0, help='how many tokens to generate for each row')
parser.add_argument('--merge', action='store_true', help='compare with the merged model too')
parser.add_argument('--out', help='write logits (and greedy tokens) as safetensors')
args = parser.parse_args()
torch.set_num_threads(1)

text = open(args.input_ids).read() if os.path.exists(args.input_ids) else args.input_ids
input_ids = torch.tensor(json.loads(text))
base = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32, attn_implementation='eager').eval()
with torch.no_grad():
    base_logits = base(input_ids=input_ids).logits
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    model = PeftModel.from_pretrained(base, args.adapter).eval()
with torch.no_grad():
    logits = model(input_ids=input_ids).logits
    with model.disable_adapter():
        off = model(input_ids=input_ids).logits

tensors = {'input_ids': input_ids, 'logits': logits}
report = dict(
    adapted_modules=sum(hasattr(m, 'lora_A') and 'default' in m.lora_A for m in model.modules()),
    adapter_parameters=sum(p.numel() for n, p in model.named_parameters() if '.lora_' in n),
    largest_change_by_adapter=float((logits - base_logits).abs().max()),
    largest_change_while_off=float((off - base_logits).abs().max()),
    # Deprecations inside the libraries are not about the adapter.
    warnings=[str(w.message) for w in caught if not issubclass(w.category, (FutureWarning, DeprecationWarning))],
)
if args.greedy:
    greedy = model.generate(input_ids=input_ids, max_new_tokens=args.greedy, do_sample=False, eos_token_id=None, pad_token_id=0)
    tensors['greedy'] = greedy
    report['greedy'] = greedy[:, input_ids.shape[1]:].tolist()
if args.merge:
    with torch.no_grad():
        merged = model.merge_and_unload(safe_merge=True)(input_ids=input_ids).logits
    report['largest_difference_merged'] = float((merged - logits).abs().max())
if args.out:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, args.out)
else:
    report['last_logits'] = logits[:, -1].tolist()
print(json.dumps(report))
