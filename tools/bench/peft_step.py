"""The peer of `npm run bench`: LoRA training of the same work unit with PEFT and PyTorch on the CPU.

    python peft_step.py --model FOLDER [--random-config config.json] --tokens 2x256 --loss-share 1 --dtype f32|bf16 [--checkpointing]
                   [--steps N] [--warmup N] [--threads N] [--serve]

Prints one JSON object: seconds of every step, tokens a second of the median step, peak resident bytes. With --serve it
runs one step for every line it reads and answers with the step's seconds, so that two programs can take turns.
"""
import argparse, json, resource, statistics, sys, time
import torch, transformers
from peft import LoraConfig, get_peft_model

parser = argparse.ArgumentParser()
parser.add_argument('--model')
parser.add_argument('--random-config')
parser.add_argument('--tokens', default='2x256')
parser.add_argument('--loss-share', type=float, default=1.0)
parser.add_argument('--dtype', default='f32', choices=['f32', 'bf16'])
parser.add_argument('--r', type=int, default=8)
parser.add_argument('--alpha', type=int, default=16)
parser.add_argument('--targets', default='q_proj,v_proj')
parser.add_argument('--checkpointing', action='store_true')
parser.add_argument('--steps', type=int, default=5)
parser.add_argument('--warmup', type=int, default=1)
parser.add_argument('--threads', type=int, default=0)
parser.add_argument('--attention', default='sdpa', choices=['sdpa', 'eager'])
parser.add_argument('--serve', action='store_true')
args = parser.parse_args()

if args.threads:
    torch.set_num_threads(args.threads)
transformers.utils.logging.set_verbosity_error()
dtype = {'f32': torch.float32, 'bf16': torch.bfloat16}[args.dtype]
batch, length = map(int, args.tokens.split('x'))
if args.random_config:
    config = transformers.AutoConfig.from_pretrained(args.random_config)
    config._attn_implementation = args.attention
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
else:
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation=args.attention)
if args.checkpointing:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={'use_reentrant': False})
    model.enable_input_require_grads()
model = get_peft_model(model, LoraConfig(r=args.r, lora_alpha=args.alpha, target_modules=args.targets.split(','), task_type='CAUSAL_LM'))
model.train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)

generator = torch.Generator().manual_seed(0)
ids = torch.randint(5, min(40000, model.config.vocab_size), (batch, length), generator=generator)
labels = ids.clone()
wanted = int(batch * (length - 1) * args.loss_share)
seen = 0
for row in range(batch):
    for column in range(1, length):
        if seen >= wanted:
            labels[row, column] = -100
        seen += 1
    labels[row, 0] = -100


def step():
    start = time.perf_counter()
    loss = model(input_ids=ids, labels=labels, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - start


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if args.serve:
    for _ in range(args.warmup):
        step()
    print('ready', flush=True)
    for line in sys.stdin:
        print(json.dumps({'seconds': step(), 'peak_bytes': peak()}), flush=True)
else:
    times = [step() for _ in range(args.warmup + args.steps)][args.warmup:]
    print(json.dumps({'seconds': times, 'tokens_per_second': batch * length / statistics.median(times), 'peak_bytes': peak()}))
