"""kind of a golden file -> the function that makes our numbers from its inputs and compares them.

The original's arrays are (batch, samples, channels) and its masks True = blocked: adapters turn both round.
"""

from __future__ import annotations

from tests.golden.adapters.duin_data import ADAPTERS as DUIN_DATA
from tests.golden.adapters.duin_keys import ADAPTERS as DUIN_KEYS
from tests.golden.adapters.duin_layers import ADAPTERS as DUIN_LAYERS
from tests.golden.adapters.duin_models import ADAPTERS as DUIN_MODELS
from tests.golden.adapters.resnet import ADAPTERS as RESNET

ADAPTERS = {**DUIN_LAYERS, **DUIN_MODELS, **DUIN_KEYS, **DUIN_DATA, **RESNET}
