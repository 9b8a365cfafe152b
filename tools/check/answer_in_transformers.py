"""The other side of compare-with-transformers.ts: ids, greedy tokens and logits of a model in the real transformers.

    python tools/check/answer_in_transformers.py FOLDER

FOLDER holds job.json: the model, texts, and the tokens that were added here to the first of them. Writes
transformers.safetensors: for each text its ids and greedy tokens, and logits at the places of the tokens that were added here.
Needs torch and transformers. Everything is float32 on the CPU.
"""
import json, pathlib, sys
import torch, transformers
from safetensors.torch import save_file

def place(model):
    """The arguments of from_pretrained for a folder or a GGUF file."""
    path = pathlib.Path(model)
    return ((str(path.parent),), {'gguf_file': path.name}) if path.suffix == '.gguf' else ((model,), {})


folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / 'job.json').read_text())
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
where, options = place(job['model'])
tokenizer = transformers.AutoTokenizer.from_pretrained(*where, **options)
model = transformers.AutoModelForCausalLM.from_pretrained(*where, **options, dtype=torch.float32, attn_implementation='eager').eval()

results = {}
for i, text in enumerate(job['texts']):
    ids = tokenizer(text, return_tensors='pt')['input_ids']
    results[f'{i}.ids'] = ids[0]
    if i >= len(job['added']):
        continue
    added = torch.tensor([job['added'][i]])
    with torch.no_grad():
        greedy = model.generate(input_ids=ids, max_new_tokens=added.shape[1], do_sample=False, eos_token_id=None, pad_token_id=0)
        # One pass over everything, to hold the answers from kept keys and values to.
        logits = model(input_ids=torch.cat([ids, added], 1), logits_to_keep=added.shape[1] + 1).logits
    results[f'{i}.greedy'] = greedy[0, ids.shape[1]:]
    results[f'{i}.logits'] = logits[0, :-1]
save_file({name: tensor.contiguous() for name, tensor in results.items()}, folder / 'transformers.safetensors')
