"""Trains an adapter by TRL's DPOTrainer on the rows and from the adapter that compare-with-trl.ts names, and says what each step gave.

    python train_in_trl.py FOLDER

FOLDER holds job.json (base model, hyperparameters, what the reference is), rows.jsonl and init/ (the adapter to start from). Writes
trl.json: loss, gradient norm, margin, accuracy and log-probabilities of each step.
"""
import json, pathlib, sys
import torch, transformers
from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / 'job.json').read_text())
o = job['optimizer']
transformers.utils.logging.set_verbosity_error()
load = lambda: transformers.AutoModelForCausalLM.from_pretrained(job['model'], dtype=torch.float32, attn_implementation='eager')
tokenizer = transformers.AutoTokenizer.from_pretrained(job['model'])
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = PeftModel.from_pretrained(load(), folder / 'init', is_trainable=True)
reference = load() if job['reference'] == 'base' else PeftModel.from_pretrained(load(), folder / 'init').merge_and_unload()
rows = [json.loads(line) for line in (folder / 'rows.jsonl').read_text().splitlines()]

losses = []


class InOrder(DPOTrainer):
    def _get_train_sampler(self, *args):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def compute_loss(self, *args, **kwargs):
        result = super().compute_loss(*args, **kwargs)
        losses.append(float((result[0] if isinstance(result, tuple) else result).detach()))
        return result


trainer = InOrder(
    model=model, ref_model=reference, processing_class=tokenizer, train_dataset=Dataset.from_list(rows),
    args=DPOConfig(
        output_dir=str(folder / 'trl'), per_device_train_batch_size=job['batchSize'], max_steps=job['steps'], beta=job['beta'],
        learning_rate=o['learningRate'], adam_beta1=o['beta1'], adam_beta2=o['beta2'], adam_epsilon=o['epsilon'],
        weight_decay=o['weightDecay'], max_grad_norm=o['maxGradNorm'], lr_scheduler_type='constant', warmup_steps=0, optim='adamw_torch',
        bf16=False, fp16=False, use_cpu=True, gradient_checkpointing=False, max_length=None, logging_steps=1, save_strategy='no',
        report_to='none', disable_tqdm=True),
)
trainer.train()
logs = [log for log in trainer.state.log_history if 'grad_norm' in log]
steps = [dict(loss=loss, norm=log['grad_norm'], margin=log['rewards/margins'], accuracy=log['rewards/accuracies'],
              chosen=log['logps/chosen'], rejected=log['logps/rejected']) for loss, log in zip(losses, logs)]
(folder / 'trl.json').write_text(json.dumps(steps))
