"""The card of an exported network: what it takes, what it gives, how it was checked; as JSON, Markdown and lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Card = Mapping[str, Any]


def write_card(card: Card, exported: Path) -> Path:
    """`<file>.card.json` and `<file>.card.md` beside the exported file; returns the path of the latter."""
    exported.with_name(f"{exported.name}.card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    page = exported.with_name(f"{exported.name}.card.md")
    page.write_text(markdown(card), encoding="utf-8")
    return page


def lines(card: Card) -> list[str]:
    """What a terminal shows."""
    signal, found = card["signal"], [f"{card['file']}: {card['model']}, {card['format']} in {card['precision']}"]
    found += [f"  input   {_declared(each)}" for each in card["inputs"]]
    found.append(f"  signal  {_signal_words(signal)}")
    found += [f"  output  {_declared(each)}" for each in card["outputs"]]
    found.append(f"  size    {_megabytes(card['bytes'])}, {card['parameters']:,} parameters")
    if card["check"]:
        found.append(f"  check   {_check_words(card['check'])}")
    if card["latency_ms"]:
        found.append(f"  time    {_latency_words(card)}")
    return [*found, *(f"  note    {note}" for note in card["notes"])]


def markdown(card: Card) -> str:
    """The page for people."""
    signal = card["signal"]
    parts = [f"# {_safe(card['model'])}: {_safe(card['file'])}", _safe(card["about"]), "## Input",
             _table(("name", "type", "shape", "what it is"), card["inputs"]),
             _listed({"channels": ", ".join(signal["channels"]), "sampling rate": f"{signal['rate_hz']:g} Hz",
                      "unit": signal["unit"] or "not stated", "samples": _samples_words(signal),
                      "preparation": "; ".join(signal["steps"]) or "none", "normalisation": signal["normalisation"]}),
             "## Output", _table(("name", "type", "shape", "what it is"), card["outputs"])]
    if card["labels"]:
        parts.append("Labels, in order: " + ", ".join(map(_safe, card["labels"])))
    if card["thresholds"] or card["temperature"]:
        parts.append(_listed({"thresholds (probability)": _thresholds(card["thresholds"]),
                              "temperature (divide logits by it)": card["temperature"] or ""}))
    parts += ["## File", _listed({"format": f"{card['format']}, {card['precision']}", "size": _megabytes(card["bytes"]),
                                  "parameters": f"{card['parameters']:,}",
                                  "compared with PyTorch": _check_words(card["check"]) if card["check"] else "no",
                                  "time": _latency_words(card) if card["latency_ms"] else "not measured",
                                  "weights": card["weights"], "data": card["data"]["source"],
                                  "licence of the data": card["data"]["licence"],
                                  "versions": ", ".join(f"{name} {what}" for name, what in card["versions"].items())})]
    if card["notes"]:
        parts += ["## Notes", "\n".join(f"- {_safe(note)}" for note in card["notes"])]
    return "\n\n".join([*parts, "## Use", f"```python\n{card['use']}\n```"]) + "\n"


def usage(form: str, file: str, inputs: Sequence[str]) -> str:
    """Lines of Python that run the file."""
    taken = ", ".join(f'"{name}": {name}' for name in inputs)
    return {"onnx": f'import onnxruntime\n\nsession = onnxruntime.InferenceSession("{file}")\n'
                    f"outputs = session.run(None, {{{taken}}})",
            "torch_export": f'import torch\n\nnetwork = torch.export.load("{file}").module()\n'
                            f"outputs = network({', '.join(inputs)})",
            "safetensors": f"# python train.py --init_from {file}\n# python test.py --weights {file}\n"
                           f'from safetensors.torch import load_file\n\nweights = load_file("{file}")'}[form]


def _declared(each: Mapping[str, Any]) -> str:
    return f"{each['name']} {each['type']} ({', '.join(map(str, each['shape']))})"


def _signal_words(signal: Mapping[str, Any]) -> str:
    return (f"{len(signal['channels'])} channels ({', '.join(signal['channels'][:12])}"
            f"{' ...' if len(signal['channels']) > 12 else ''}), {_samples_words(signal)} at {signal['rate_hz']:g} Hz, "
            f"{signal['unit'] or 'unit not stated'}; {signal['normalisation']}")


def _samples_words(signal: Mapping[str, Any]) -> str:
    return f"{signal['samples']} samples" + (", any other number too" if signal["any_length"] else "")


def _check_words(check: Mapping[str, Any]) -> str:
    verdict = "passed" if check["passed"] else "FAILED"
    found = ", ".join(f"{name} {value:.2g}" for name, value in check["max_difference"].items())
    return f"{verdict}: largest difference {found} (allowed {check['allowed']:g}) on {check['inputs']}"


def _latency_words(card: Card) -> str:
    found = ", ".join(f"{name} {value:.2f} ms" for name, value in card["latency_ms"].items())
    return f"{found} (one record, CPU, {card['threads']} thread{'s' if card['threads'] > 1 else ''})"


def _thresholds(rules: Mapping[str, Sequence[float]] | None) -> str:
    return "; ".join(f"by {rule}: {', '.join(f'{value:.3f}' for value in values)}"
                     for rule, values in (rules or {}).items())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [[each["name"], each["type"], f"({', '.join(map(str, each['shape']))})", each["meaning"]] for each in rows]
    return "\n".join("| " + " | ".join(map(_safe, row)) + " |" for row in (columns, ["---"] * len(columns), *cells))


def _listed(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_safe(value)}" for name, value in values.items() if value != "")


def _safe(text: Any) -> str:
    """Names come from files: nothing in them is a tag, a column or a line of its own."""
    kept = " ".join(str(text).split())
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "'")
