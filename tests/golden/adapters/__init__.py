"""kind of a golden file, or kind/file -> the function that makes our numbers from its inputs and compares them.

A file may have several: one that is a matter of labels and of scores has one in each table.
Du-IN's arrays are (batch, samples, channels) and its masks True = blocked: adapters turn both round.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.golden.adapters.duin_data import ADAPTERS as DUIN_DATA
from tests.golden.adapters.duin_keys import ADAPTERS as DUIN_KEYS
from tests.golden.adapters.duin_layers import ADAPTERS as DUIN_LAYERS
from tests.golden.adapters.duin_models import ADAPTERS as DUIN_MODELS
from tests.golden.adapters.ecg_batches import ADAPTERS as ECG_BATCHES
from tests.golden.adapters.ecg_data import ADAPTERS as ECG_DATA
from tests.golden.adapters.ecg_pretraining import ADAPTERS as ECG_PRETRAINING
from tests.golden.adapters.ecg_protocols import ADAPTERS as ECG_PROTOCOLS
from tests.golden.adapters.ecg_sets import ADAPTERS as ECG_SETS
from tests.golden.adapters.ecg_training import ADAPTERS as ECG_TRAINING
from tests.golden.adapters.ecg_transformer import ADAPTERS as ECG_TRANSFORMER
from tests.golden.adapters.ecgfm_labels import ADAPTERS as ECGFM_LABELS
from tests.golden.adapters.ecgfm_pipeline import ADAPTERS as ECGFM_PIPELINE
from tests.golden.adapters.resnet import ADAPTERS as RESNET
from tests.golden.adapters.tensor_pipeline import ADAPTERS as TENSOR_PIPELINE
from tests.golden.folder import Case

TABLES: tuple[dict[str, Callable[[Case], None]], ...] = (
    TENSOR_PIPELINE,
    DUIN_LAYERS, DUIN_MODELS, DUIN_KEYS, DUIN_DATA, RESNET, ECG_PROTOCOLS, ECG_SETS, ECGFM_LABELS, ECGFM_PIPELINE,
    ECG_TRANSFORMER, ECG_PRETRAINING, ECG_TRAINING, ECG_DATA, ECG_BATCHES)


def adapters_of(case: Case) -> list[Callable[[Case], None]]:
    """All that are for the case's kind, and for its file alone."""
    return [table[key] for table in TABLES for key in (case.kind, f"{case.kind}/{case.path.name}") if key in table]
