"""What PEFT adapts where target_modules is null, by model type.

    python tools/golden/default-targets.py > libs/models/families/default-targets.golden.json && npx prettier --write libs/models/families/*.json

Made with peft 0.21.2.
"""
import json
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as targets

print(json.dumps(dict(sorted(targets.items()))))
