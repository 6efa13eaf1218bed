"""Records that cannot be used: collected while the data are opened, then left out or refused as the user asked."""

from __future__ import annotations

from collections import Counter

from src.errors import UserError

POLICIES = ("skip", "error")


class BadRecords:
    """Collects (record, reason); `settle` applies `--on_bad_record`."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def add(self, record: str, reason: str) -> None:
        self.reasons.setdefault(record, reason)

    def __contains__(self, record: str) -> bool:
        return record in self.reasons

    def settle(self, policy: str, left: int) -> tuple[str, ...]:
        """Notes on what was left out; UserError where the policy is `error` or no record is `left`."""
        if policy not in POLICIES:
            raise UserError(f"--on_bad_record {policy}: unknown", f"known: {', '.join(POLICIES)}")
        if not self.reasons:
            return ()
        notes = tuple(self._by_reason())
        if policy == "error" or left == 0:
            raise UserError(f"{len(self.reasons)} records cannot be used\n" + "\n".join(notes),
                            f"--on_bad_record skip would leave them out and go on with {left} records")
        return tuple(f"left out: {note}" for note in notes)

    def _by_reason(self) -> list[str]:
        """'3 records: no such file (a, b, c)', the most frequent reason first, five names each."""
        kinds = Counter(self._kind(reason) for reason in self.reasons.values())
        lines = []
        for kind, count in kinds.most_common():
            names = [name for name, reason in self.reasons.items() if self._kind(reason) == kind]
            example = next(reason for reason in self.reasons.values() if self._kind(reason) == kind)
            shown = example if count == 1 else kind
            lines.append(f"{count} record{'s' * (count > 1)}: {shown} ({', '.join(names[:5])}{', ...' * (count > 5)})")
        return lines

    @staticmethod
    def _kind(reason: str) -> str:
        """What comes before the details: 'no such channel' of 'no such channel: V9'."""
        return reason.partition(":")[0]
