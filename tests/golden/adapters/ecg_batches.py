"""fairseq-signals' order of records and its cutting of batches."""

from __future__ import annotations

from src.data.batch_order import batch_sizes, record_order
from tests.golden.folder import Case


def cutting(case: Case) -> None:
    arrays = case.arrays()
    for one in case.hyper["cases"]:
        number = one["index"]
        found = batch_sizes(arrays[f"input/{number}/tokens"], one["batch_size"], one["max_tokens"],
                            one["required_batch_size_multiple"])
        case.same(f"case {number}", found, arrays[f"output/{number}/batch_sizes"])


def order(case: Case) -> None:
    arrays = case.arrays()
    case.same("order", record_order(arrays["input/sizes"], case.hyper["seed"]), arrays["output/order"])


ADAPTERS = {"batch_by_size": cutting, "ordered_indices": order}
