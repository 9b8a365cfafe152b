"""The other side of adapters-with-peft.ts: logits of its adapters in the real PEFT, and adapters of PEFT with theirs.

    python tools/check/adapters_in_peft.py FOLDER

FOLDER holds jobs.json (for each kind of adapter its base model, PEFT's LoraConfig and a batch of golden numbers) and an
adapter ours/KIND for each. For each kind peft/KIND is saved as PEFT saves an adapter by itself, and logits.safetensors
holds ours/KIND and peft/KIND, the logits of both. Needs torch, transformers and peft.
"""
import json, pathlib, sys, warnings
import torch, transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from golden_models import base, logits

folder = pathlib.Path(sys.argv[1])
torch.set_num_threads(1)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(job, adapter):
    """The model with an adapter from its files, and what PEFT warns of meanwhile."""
    model = base(job)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        model = PeftModel.from_pretrained(model, adapter)
    # Deprecations inside the libraries are not about the adapter.
    return model, {str(w.message) for w in caught if not issubclass(w.category, (FutureWarning, DeprecationWarning))}


results, reports = {}, {}
warnings.simplefilter('ignore')
for job in json.loads((folder / 'jobs.json').read_text()):
    kind = job['kind']
    model, warned = load(job, folder / 'ours' / kind)
    results[f'ours/{kind}'] = logits(model, job)
    torch.manual_seed(11)
    model = get_peft_model(base(job), LoraConfig(**job['lora']))
    for _, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    saved = folder / 'peft' / kind
    model.save_pretrained(saved)
    # Initialisations that take something out of the weights do so again when PEFT loads the adapter.
    torch.manual_seed(12)
    model, usual = load(job, saved)
    results[f'peft/{kind}'] = logits(model, job)
    change = (results[f'ours/{kind}'] - logits(base(job), job)).abs().max()
    reports[kind] = dict(warnings=sorted(warned - usual), change=float(change))
save_file(results, folder / 'logits.safetensors')
(folder / 'reports.json').write_text(json.dumps(reports))
