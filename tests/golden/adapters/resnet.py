"""ResNet bodies of fairseq-signals' question-answering models."""

from __future__ import annotations

from src.models.resnet.vanilla import ResNetBody
from tests.golden.adapters.common import load_state, tensors
from tests.golden.folder import Case


def resnet(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    body = ResNetBody(hyper["in_d"], hyper["block"].removeprefix("resnet_"), hyper["layers"], hyper["stem"],
                      hyper["widths"])
    load_state(body, arrays)
    case.same("x", body.eval()(arrays["input/source"]), arrays["output/x"])


ADAPTERS = {"Resnet": resnet}
