"""Statements about several leads, spread out into one statement per lead."""

from __future__ import annotations

import re

LEAD = r"(?:i{1,3}|av[rlf]|v[1-6])"
LIST = rf"({LEAD}(?:[\s,]+{LEAD})*)(?!\w)"
KINDS = [(re.compile(pattern.replace("LIST", LIST)), statement) for pattern, statement in (
    (r"lead\(s\) unsuitable for analysis: LIST", "lead {} unsuitable for analysis"),
    (r"missing lead\(s\): LIST", "missing lead {}"),  # of "partial missing lead(s)" the first lead stays partial
    (r"artifact in lead\(s\) LIST", "artifact in lead {}"),
    (r"baseline wander in lead\(s\) LIST", "baseline wander in lead {}"),
    (r"lead\(s\) LIST were not used for morphology analysis", "lead {} not used for morphology analysis"),
    (r"possible sequence error: LIST omitted", "lead {} omitted due to possible sequence error"),
    (r"sequence error: LIST omitted", "lead {} omitted due to sequence error"))]


def spread_lead_lists(text: str) -> str:
    """`missing lead(s): v1 v2` -> `missing lead v1; missing lead v2`.

    Of several lists of one kind each is replaced by all of them, as in the original.
    """
    if "lead" not in text and "omitted" not in text:
        return text
    for pattern, statement in KINDS:
        leads = [lead for found in pattern.findall(text) for lead in re.split(r"[\s,]+", found)]
        if leads:
            spread = "; ".join(statement.format(lead) for lead in leads)
            text = pattern.sub(lambda _, spread=spread: spread, text)
    return text
