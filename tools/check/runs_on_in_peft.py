"""The other side of runs-on.ts: what PEFT, transformers and a reader of `r` and `lora_alpha` alone make of its adapters.

    python tools/check/runs_on_in_peft.py FOLDER

FOLDER holds jobs.json: for each kind the base, a batch of golden numbers, the folder of the adapter, and those of its exports that were
made (`portable`, `merged`). logits.safetensors gets SIDE/KIND for each, errors.json why one has none. Needs torch, transformers, peft.
"""
import json, pathlib, shutil, sys, warnings
import torch, transformers
from peft import PeftModel
from safetensors.torch import load_file, save_file
from golden_models import base, logits

folder = pathlib.Path(sys.argv[1])
torch.set_num_threads(2)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
warnings.simplefilter('ignore')


def in_peft(job, adapter):
    return logits(PeftModel.from_pretrained(base(job), adapter), job)


def in_transformers(job, adapter):
    model = base(job)
    model.load_adapter(adapter)
    return logits(model, job)


def in_a_plain_server(job, adapter):
    """Rank, alpha, rsLoRA and the two factors of each layer are read, and nothing else; one scale for all layers."""
    plain = folder / 'plain' / job['kind']
    plain.mkdir(parents=True)
    config = json.loads((pathlib.Path(adapter) / 'adapter_config.json').read_text())
    read = ['peft_type', 'task_type', 'base_model_name_or_path', 'r', 'lora_alpha', 'use_rslora', 'fan_in_fan_out']
    (plain / 'adapter_config.json').write_text(json.dumps({key: config[key] for key in read} | factors_of(adapter, plain)))
    return in_peft(job, plain)


def factors_of(adapter, plain):
    tensors = load_file(pathlib.Path(adapter) / 'adapter_model.safetensors')
    kept = {k: v for k, v in tensors.items() if k.endswith(('.lora_A.weight', '.lora_B.weight')) or '.lora_embedding_' in k}
    save_file(kept, plain / 'adapter_model.safetensors', {'format': 'pt'})
    return {'target_modules': sorted({k.removeprefix('base_model.model.').split('.lora_')[0] for k in kept})}


def merged(job, model):
    return logits(base({'base': model}), job)


sides = {
    'peft': (in_peft, 'adapter'),
    'transformers': (in_transformers, 'adapter'),
    'plain': (in_a_plain_server, 'adapter'),
    'portable': (in_a_plain_server, 'portable'),
    'merged': (merged, 'merged'),
}
results, errors = {}, {}
for job in json.loads((folder / 'jobs.json').read_text()):
    for side, (compute, material) in sides.items():
        if material not in job:
            continue
        shutil.rmtree(folder / 'plain', ignore_errors=True)
        try:
            results[f"{side}/{job['kind']}"] = compute(job, job[material])
        except Exception as error:
            errors[f"{side}/{job['kind']}"] = f'{type(error).__name__}: {error}'
save_file(results, folder / 'logits.safetensors')
(folder / 'errors.json').write_text(json.dumps(errors))
