"""Base models and batches of golden numbers in transformers, for the scripts beside this file."""
import json, pathlib
import torch, transformers
from safetensors.torch import load_file


def base(job):
    model_class = getattr(transformers, json.loads((pathlib.Path(job['base']) / 'config.json').read_text())['architectures'][0])
    return model_class.from_pretrained(job['base'], dtype=torch.float32, attn_implementation='eager').eval()


def inputs(job):
    prefix = job['batch'] + '.'
    tensors = {k.removeprefix(prefix): v for k, v in load_file(job['batches']).items() if k.startswith(prefix)}
    tensors.pop('labels')
    if (segments := tensors.pop('segment_ids', None)) is not None:
        order = torch.arange(segments.shape[1])
        visible = (segments[:, :, None] == segments[:, None, :]) & (order[None, :] <= order[:, None])[None]
        if (window := json.loads((pathlib.Path(job['base']) / 'config.json').read_text()).get('sliding_window')) is not None:
            # A mask that is given stands in place of the model's own.
            visible = visible & (order[:, None] - order[None, :] < window)[None]
        tensors['attention_mask'] = torch.where(visible, 0.0, torch.finfo(torch.float32).min)[:, None]
    return tensors


def logits(model, job):
    with torch.no_grad():
        return model.eval()(**inputs(job)).logits.flatten().contiguous()
