from trainer.data.language import UNKNOWN, language
from trainer.data.profile import profile
from trainer.data.rows import Row, skeleton
from trainer.data.split import is_for_evaluation

ENGLISH = ["The train was late again and nobody told us why.", "A lovely evening with friends, thank you."]
FRENCH = ["Le train était encore en retard sans explication.", "Une belle soirée entre amis, merci à vous."]


def rows(*pairs):
    return [Row(number, text, label) for number, (text, label) in enumerate(pairs, start=1)]


def test_near_duplicates_have_one_skeleton_and_share_a_side():
    spellings = (
        "Soooo good, thanks @anna! https://example.org/x",
        "soo good thanks",
        "SOO  GOOD — THANKS!!!",
        "@ben soo good, thanks",
    )
    assert {skeleton(text) for text in spellings} == {"soo good thanks"}
    many = [f"@user{number} soo good, thanks https://example.org/{number}" for number in range(50)]
    assert len({is_for_evaluation(text) for text in (*spellings, *many)}) == 1


def test_what_tells_texts_apart_stays_in_the_skeleton():
    assert len({skeleton(text) for text in ("2 stars", "5 stars", "not good", "good", ":)", ":(")}) == 6


def test_a_profile_counts_repeats_near_ones_and_disputes():
    found = profile(
        rows(
            ("Good day!", "a"),
            ("Good day!", "a"),
            ("good day", "b"),
            *((f"text {n}", "a") for n in range(20)),
        )
    )
    assert (found.rows, found.repeated, found.near, found.disputed, found.first_disputed) == (23, 1, 1, 1, 1)
    assert found.labels == {"a": 22, "b": 1}
    assert found.words["median"] == 2
    assert found.warnings[0] == "only 1 rows are labelled 'b': add rows, or drop the label"
    assert "row 1 among them" in found.warnings[1]


def test_a_profile_holds_no_text():
    found = profile(rows(("canaryword one", "a"), ("canaryword one", "b")))
    assert "canaryword" not in str(found.to_dict())


def test_the_language_of_most_texts_is_told():
    assert language(ENGLISH * 20) == "en"
    assert language(FRENCH * 20) == "fr"
    assert language([]) == language(["", " "]) == UNKNOWN


def test_several_languages_are_a_warning():
    many = [(text, "a") for text in (*ENGLISH * 60, *FRENCH * 60)]
    assert any("several languages" in warning for warning in profile(rows(*many)).warnings)
