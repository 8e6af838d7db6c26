import pytest

from trainer.slices import slices


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("great film", {"short (up to 8 words)", "simple"}),
        ("I don't like it", {"short (up to 8 words)", "negation", "complex"}),
        ("je n’aime pas", {"short (up to 8 words)", "negation", "complex"}),
        ("good, but late", {"short (up to 8 words)", "contrast", "complex"}),
        (" ".join(["word"] * 9), {"medium", "simple"}),
        (" ".join(["word"] * 21), {"long (over 20 words)", "complex"}),
        ("notable butter, a nice pastry", {"short (up to 8 words)", "simple"}),
    ],
)
def test_each_text_falls_into_its_slices(text, kinds):
    assert {name for name, mask in slices([text]).items() if mask[0]} == kinds


FRENCH = (
    "Le train est arrivé avec deux heures de retard et personne n’a rien dit",
    "Nous avons passé une soirée formidable dans ce petit restaurant du port",
    "Je ne recommande pas cet hôtel, la chambre était sale et très bruyante",
)
ENGLISH = (
    "The train was two hours late and nobody told us anything at all",
    "We spent a wonderful evening in that little restaurant by the harbour",
    "I would not recommend this hotel, the room was dirty and very noisy",
    "The waiter was friendly and the soup came to the table hot",
)


def test_where_texts_are_of_several_languages_each_is_a_slice():
    texts = [*FRENCH, *ENGLISH] * 20 + ["ok", "bien"]
    found = {name: mask for name, mask in slices(texts).items() if name.startswith("language ")}
    assert {name: int(mask.sum()) for name, mask in found.items()} == {"language en": 80, "language fr": 60}
    assert found["language fr"][:3].all()


def test_where_all_are_of_one_language_there_is_no_slice_of_it():
    assert not any(name.startswith("language ") for name in slices([*ENGLISH] * 20 + [FRENCH[0]]))
