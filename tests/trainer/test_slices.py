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
