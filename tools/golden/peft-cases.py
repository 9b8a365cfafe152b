"""Golden numbers of PEFT beside those of generate.py: packed sequences, grouped convolutions, DoRA's first magnitudes.

    python tools/golden/peft-cases.py test/fixtures

Reads the families that generate.py made and writes lora/packed*, peft-layers/* and magnitudes/*. Everything is f32 on the CPU.
Made with torch 2.13, transformers 5.24, peft 0.21.2.
"""
import json, pathlib, sys
import torch, transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
OUT = pathlib.Path(sys.argv[1])
NOTE_PACKED = ('batches.safetensors: STEP.MICRO.name; segment_ids counts the examples of a row from 1, 0 is padding; a token sees those '
               'before it of its own example, as far as the window reaches; loss = sum over all targets of the step / their number')


def write(obj, *parts):
    path = OUT.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(obj, indent=1, sort_keys=True) + '\n')


def tensors(named, *parts):
    path = OUT.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().clone().contiguous() for k, v in named.items()}, path, metadata={'format': 'pt'})


def family(name):
    folder = OUT / 'families' / name
    model_class = getattr(transformers, json.loads((folder / 'config.json').read_text())['architectures'][0])
    return model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()


def save_adapter(model, *parts):
    folder = OUT.joinpath(*parts)
    model.save_pretrained(folder, save_embedding_layers=False)
    for file in folder.iterdir():
        if file.name not in ('adapter_config.json', 'adapter_model.safetensors'):
            file.unlink()
    config = json.loads((folder / 'adapter_config.json').read_text())
    if isinstance(config['target_modules'], list):
        config['target_modules'].sort()
    config['base_model_name_or_path'] = ''
    write(config, *parts, 'adapter_config.json')


def packed():
    """Rows of several examples: positions start anew with each, and attention stays inside of it."""
    for name, base, window in (('packed', 'llama', None), ('packed-window', 'mistral', 5)):
        generator = torch.Generator().manual_seed(31)
        model = family(base)
        assert window is None or model.config.sliding_window == window
        vocabulary = model.config.vocab_size
        torch.manual_seed(31)
        lora = dict(r=4, lora_alpha=8, target_modules=['q_proj', 'k_proj', 'v_proj'], task_type='CAUSAL_LM')
        model = get_peft_model(model, LoraConfig(**lora)).eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if 'lora_B' in key:
                    parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
        save_adapter(model, 'lora', name, 'init')
        trained = [(key, p) for key, p in model.named_parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW([p for _, p in trained], lr=5e-3, weight_decay=0.01)
        batches, steps = {}, []

        def logits(ids, positions, segments):
            order = torch.arange(ids.shape[1])
            visible = (segments[:, :, None] == segments[:, None, :]) & (order[None, :] <= order[:, None])[None]
            if window is not None:
                visible = visible & (order[:, None] - order[None, :] < window)[None]
            mask = torch.where(visible, 0.0, torch.finfo(torch.float32).min)[:, None]
            return model(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits

        for step in range(10):
            lengths = [[7, 6, 3], [4, 9]] if step % 2 else [[16], [5, 5, 4]]
            rows = 2, 16
            ids, positions, segments = (torch.zeros(rows, dtype=torch.long) for _ in range(3))
            labels = torch.full(rows, -100)
            for row, parts in enumerate(lengths):
                at = 0
                for segment, length in enumerate(parts):
                    drawn = torch.randint(3, vocabulary, (length,), generator=generator)
                    ids[row, at:at + length] = drawn
                    positions[row, at:at + length] = torch.arange(length)
                    segments[row, at:at + length] = segment + 1
                    labels[row, at + 2:at + length] = drawn[2:]
                    at += length
            batches.update({f'{step}.0.{key}': value for key, value in
                            dict(input_ids=ids, labels=labels, position_ids=positions, segment_ids=segments).items()})
            count = int((labels[:, 1:] != -100).sum())
            last = logits(ids, positions, segments)
            loss = torch.nn.functional.cross_entropy(last[:, :-1].reshape(-1, vocabulary), labels[:, 1:].reshape(-1), ignore_index=-100, reduction='sum') / count
            loss.backward()
            norm = float(torch.nn.utils.clip_grad_norm_([p for _, p in trained], 1e9))
            if step == 0:
                tensors({key.replace('.default', ''): p.grad for key, p in trained}, 'lora', name, 'first-step-gradients.safetensors')
            optimizer.step()
            optimizer.zero_grad()
            steps.append(dict(loss=loss.item(), grad_norm=norm, lr=[5e-3], targets=count))
        save_adapter(model, 'lora', name, 'final')
        tensors(batches, 'lora', name, 'batches.safetensors')
        with torch.no_grad():
            keep = {'last.logits': logits(ids, positions, segments)}
        before = {key: value.clone() for key, value in family(base).state_dict().items()}
        merged = model.merge_and_unload().state_dict()
        keep.update({'merged.' + key: value for key, value in merged.items() if key in before and not torch.equal(value, before[key])})
        tensors(keep, 'lora', name, 'expected.safetensors')
        write(dict(family=base, lora=lora, steps=steps, trainable_parameters=sum(p.numel() for _, p in trained),
                   optimizer=dict(name='AdamW', lr=5e-3, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.01),
                   schedule=dict(kind='constant', warmup_steps=0, total_steps=10), clip_grad_norm=None, accumulate=1, note=NOTE_PACKED),
              'lora', name, 'case.json')
        print('lora', name, steps[0]['loss'], steps[-1]['loss'])


def peft_layers():
    """One layer with PEFT's update: y, and the gradients of sum(y * g)."""
    for name, options, lora in (
            ('conv2d-groups2', dict(stride=1, padding=1, groups=2), dict(r=4, lora_alpha=6)),
            ('conv2d-groups3-strided', dict(stride=(2, 1), padding=(1, 2), groups=3, bias=False), dict(r=3, lora_alpha=6)),
            ('conv2d-groups2-lora-bias', dict(stride=2, padding=0, groups=2), dict(r=2, lora_alpha=3, lora_bias=True)),
            ('conv2d-dora', dict(stride=2, padding=1), dict(r=2, lora_alpha=3, use_dora=True))):
        torch.manual_seed(41)
        net = torch.nn.Sequential()
        net.add_module('conv', torch.nn.Conv2d(6, 12, (3, 5), **options))
        model = get_peft_model(net, LoraConfig(**lora, target_modules=['conv'])).eval()
        layer = model.base_model.model.conv
        own = {key.removeprefix('base_model.model.conv.').replace('.default', ''): p for key, p in model.named_parameters() if p.requires_grad}
        with torch.no_grad():
            for parameter in own.values():
                parameter.add_(0.2 * torch.randn(parameter.shape))
        x = torch.randn(2, 6, 9, 11)
        y = model(x)
        g = torch.randn(y.shape)
        (y * g).sum().backward()
        base = layer.get_base_layer()
        keep = dict(x=x, y=y, g=g, weight=base.weight, **({} if base.bias is None else dict(bias=base.bias)))
        for key, parameter in own.items():
            keep[key] = parameter
            keep[key + '.grad'] = parameter.grad
        tensors(keep, 'peft-layers', name, 'case.safetensors')
        write(dict(lora=lora, **options), 'peft-layers', name, 'case.json')
        print('peft-layers', name, sorted(own))


def magnitudes():
    """A new adapter as PEFT makes it, with factors whose product is not zero: DoRA's magnitudes are |W + scale B A|."""
    for name, lora in (
            ('llama', dict(r=4, lora_alpha=8, target_modules=['q_proj', 'down_proj', 'embed_tokens'], use_rslora=True)),
            ('gpt2', dict(r=4, lora_alpha=6, target_modules=['c_attn', 'c_proj'], fan_in_fan_out=True)),
            ('resnet', dict(r=2, lora_alpha=3, target_modules=r'.*stages\.1.*convolution'))):
        torch.manual_seed(51)
        # False is for tests: B does not start at zero.
        model = get_peft_model(family(name), LoraConfig(**lora, use_dora=True, init_lora_weights=False))
        save_adapter(model, 'magnitudes', name, 'new')
        write(dict(family=name, lora=dict(lora, use_dora=True)), 'magnitudes', name, 'case.json')
        print('magnitudes', name)


packed()
peft_layers()
magnitudes()
