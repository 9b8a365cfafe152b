"""Trains an adapter in PEFT on the blocks that compare-with-peft.ts wrote, and says what each step gave.

    python train_in_peft.py FOLDER

FOLDER holds job.json (base model, hyperparameters), init/ (the adapter to start from), blocks.json (for each step the tokens,
positions and segments of its packed blocks, rows with a target, targets). Writes peft.json: loss and gradient norm of each step.
"""
import json, pathlib, sys
import torch, transformers
from peft import PeftModel

folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / 'job.json').read_text())
transformers.utils.logging.set_verbosity_error()
# A folder, or a GGUF file.
path = pathlib.Path(job['model'])
where = {'pretrained_model_name_or_path': str(path.parent), 'gguf_file': path.name} if path.suffix == '.gguf' else {'pretrained_model_name_or_path': str(path)}
model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, attn_implementation='eager')
model = PeftModel.from_pretrained(model, folder / 'init', is_trainable=True).eval()
trained = [p for p in model.parameters() if p.requires_grad]
o = job['optimizer']
optimizer = torch.optim.AdamW(trained, lr=o['learningRate'], betas=(o['beta1'], o['beta2']), eps=o['epsilon'], weight_decay=o['weightDecay'])

steps = []
for block in json.loads((folder / 'blocks.json').read_text()):
    ids, positions, segments = (torch.tensor(block[k]) for k in ('tokens', 'positions', 'segments'))
    length = ids.shape[1]
    order = torch.arange(length)
    visible = (segments[:, :, None] == segments[:, None, :]) & (order[None, :] <= order[:, None])[None]
    mask = torch.where(visible, 0.0, torch.finfo(torch.float32).min)[:, None]
    logits = model(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits
    rows = logits.reshape(-1, logits.shape[-1])[torch.tensor(block['lossRows'])]
    loss = torch.nn.functional.cross_entropy(rows, torch.tensor(block['lossTargets']))
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained, o['maxGradNorm'])
    optimizer.step()
    optimizer.zero_grad()
    steps.append(dict(loss=loss.item(), grad_norm=float(norm)))
(folder / 'peft.json').write_text(json.dumps(steps))
