from __future__ import annotations

import pytest

from src.data.labels.configuration import DEFAULT
from src.data.labels.normalise import PHRASES, TERMS, Normaliser
from src.errors import UserError


@pytest.fixture(scope="module")
def normalise() -> Normaliser:
    return Normaliser.read(DEFAULT / PHRASES, DEFAULT / TERMS)


@pytest.mark.parametrize(("text", "uniform"), [
    ("Sinus rhythm confirmed by atrial fibrillation", "sinus rhythm"),
    ("EAT with 2:1 block", "ectopic atrial tachycardia with 2:1 block"),
    ("PVC's", "premature ventricular beats"),
    ("Sinoatrial exit block", "sinus block"),
    ("Otherwise normal", "otherwise normal ecg"),
    ("P -waves & Q-wave", "p waves and q wave"),
    ("1* AV block", "1st degree atrioventricular block"),
    ("Ventricular premature complex(es)", "premature ventricular beat(es)"),
    ("Inferior infarct - ? age", "inferior infarct ? age"),
    ("?atrial flutter", "<before?> atrial flutter"),
    ("Missing lead(s): V1, V2", "missing lead v1; missing lead v2"),
    ("Possible sequence error: V2 omitted", "lead v2 omitted due to possible sequence error"),
    ("Supra- ventricular tachycardia", "supraventricular tachycardia"),
    ("V-paced rhythm", "ventricular pacing"),
    ("A-V sequential pacemaker", "atrioventricular sequential pacing"),
    ("Right bundle conduction defect", "right bundle branch conduction defect"),
    ("Demand ventricular pacing", "ventricular pacing <demand pacing>"),
    ("Abnormal T waves", "t wave abnormalities"),
    ("Atrial fibrillation or flutter", "atrial fibrillation atrial flutter"),
    ("Infarct -possible acute", "infarct, possibly acute"),
    ("Ventricular ectopy", "ectopic ventricular beats"),
    ("QTc is prolonged", "prolonged qt"),
    ("Short PR interval Prolonged QT interval", "short prolonged pr qt"),
    ("", "")])
def test_each_kind_of_wording_becomes_uniform(normalise, text, uniform):
    assert normalise(text) == uniform


def test_several_lists_of_one_kind_are_all_replaced_by_all_leads(normalise):
    assert normalise("Artifact in lead(s) I Artifact in lead(s) II") == " ".join(
        ["artifact in lead i; artifact in lead ii"] * 2)


def test_a_table_without_its_columns_is_refused_with_what_was_found(tmp_path):
    (tmp_path / "terms.csv").write_text("from,to\nekg,ecg\n")
    with pytest.raises(UserError, match="expected the columns order, term and replacement, found from, to"):
        Normaliser.read(DEFAULT / PHRASES, tmp_path / "terms.csv")


def test_terms_are_applied_in_the_order_of_their_numbers_and_keep_their_blanks(tmp_path):
    (tmp_path / "terms.csv").write_text("order,term,replacement\n2,b,c\n1,a,b\n3, x , \n")
    normalise = Normaliser.read(DEFAULT / PHRASES, tmp_path / "terms.csv")
    assert normalise("A x A") == "c c"
