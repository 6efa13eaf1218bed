"""kind of a golden file -> the function that makes our numbers from its inputs and compares them.

The original's arrays are (batch, samples, channels) and its masks True = blocked: adapters turn both round.
"""

from __future__ import annotations

from tests.golden.adapters.duin_cls import ADAPTERS as DUIN_CLS
from tests.golden.adapters.duin_data import ADAPTERS as DUIN_DATA
from tests.golden.adapters.duin_layers import ADAPTERS as DUIN_LAYERS
from tests.golden.adapters.resnet import ADAPTERS as RESNET

ADAPTERS = {**DUIN_LAYERS, **DUIN_CLS, **DUIN_DATA, **RESNET}
