"""Adds adapters up with the real PEFT, and loads what was composed here.

    python tools/check/compose-with-peft.py FOLDER

FOLDER/job.json names the base model, prompts and, for each case, the members with their weights, a rank and the folders
of our compositions. Writes FOLDER/peft.json: for each way of composing the relative error of the sum (Frobenius norms over
all layers, in float64, against weight * scale * B A added up here), or why PEFT refuses; and for our compositions the
logits after each prompt. Needs torch, transformers and peft. Everything is float32 on the CPU, but for the errors.
"""
import json, os, sys, warnings
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

folder = sys.argv[1]
job = json.load(open(os.path.join(folder, 'job.json')))
torch.set_num_threads(1)
warnings.simplefilter('ignore')
disable_progress_bar()


def layers(model, name):
    """The adapted layers of one adapter by path."""
    return {path: module for path, module in model.named_modules() if hasattr(module, 'lora_A') and name in module.lora_A}


def own_delta(module, name):
    """scale * B A, from the numbers themselves."""
    return module.scaling[name] * module.lora_B[name].weight.double() @ module.lora_A[name].weight.double()


def error(model, name, exact):
    """Relative error of what the model adds to its base under one adapter."""
    have = layers(model, name)
    lost = sum(float((delta - (own_delta(have[path], name) if path in have else 0)).norm() ** 2) for path, delta in exact.items())
    lost += sum(float(own_delta(module, name).norm() ** 2) for path, module in have.items() if path not in exact)
    return (lost / norm(exact)) ** 0.5 if norm(exact) > 1e-20 else lost ** 0.5


def norm(exact):
    return sum(float(delta.norm() ** 2) for delta in exact.values())


def least_error(exact, rank):
    """Of the best approximation of a rank in every layer."""
    if norm(exact) <= 1e-20: return 0.0
    return (sum(float((torch.linalg.svdvals(delta)[rank:] ** 2).sum()) for delta in exact.values()) / norm(exact)) ** 0.5


results = []
for case in job['cases']:
    base = AutoModelForCausalLM.from_pretrained(job['base'], dtype=torch.float32, attn_implementation='eager').eval()
    names = [f'member{i}' for i in range(len(case['members']))]
    model = PeftModel.from_pretrained(base, case['members'][0], adapter_name=names[0])
    for name, member in list(zip(names, case['members']))[1:]: model.load_adapter(member, name)
    with torch.no_grad():
        exact = {}
        for name, weight in zip(names, case['weights']):
            for path, module in layers(model, name).items():
                exact[path] = exact.get(path, 0) + weight * own_delta(module, name)
        result = dict(name=case['name'], least=least_error(exact, case['rank']), logits={}, warnings=[])
        for kind, options in (('linear', {}), ('cat', {}), ('svd', dict(svd_rank=case['rank']))):
            try:
                model.add_weighted_adapter(names, case['weights'], f'peft_{kind}', combination_type=kind, **options)
                result[kind] = error(model, f'peft_{kind}', exact)
            except ValueError as refusal:
                result[kind] = str(refusal)
        for form, path in case['ours'].items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                model.load_adapter(path, f'our_{form}')
            result['warnings'] += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
            result[f'our_{form}'] = error(model, f'our_{form}', exact)
            model.set_adapter(f'our_{form}')
            model.eval()
            result['logits'][form] = [model(input_ids=torch.tensor([prompt])).logits[0, -1].tolist() for prompt in job['prompts']]
    results.append(result)
json.dump(results, open(os.path.join(folder, 'peft.json'), 'w'))
