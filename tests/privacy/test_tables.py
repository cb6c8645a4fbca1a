import polars as pl

from curation.privacy.tables import opaque


def test_all_spellings_of_a_customer_have_one_rank_and_others_another() -> None:
    said = ["+966 50 123 4567", "٩٦٦٥٠١٢٣٤٥٦٧", None, "Ali <ali@example.com>", "mailto:Ali@Example.com", "sara"]
    hers, same, nobody, his, again, sara = opaque(pl.Series(said))
    assert hers == same and his == again and nobody is None
    assert {hers, his, sara} == {"customer_1", "customer_2", "customer_3"}
