"""What a worker sees of a model, whether it has all parts of the protocol or only ``predict``."""

from dataclasses import dataclass

from worker.model import RegisteredModel, Text


def row(label: str) -> dict:
    return {"label": label, "score": 1.0, "scores": {label: 1.0}}


class Plain:
    """Answers each text by itself."""

    def predict(self, context, model_input, params=None):
        return [row(text) for text in model_input]


@dataclass
class Tokens:
    text: str
    tokens: int
    is_truncated: bool


class Padded(Plain):
    """Reads three words."""

    is_padded = True
    tolerance = 0.02

    def encode(self, texts):
        return [Tokens(text, min(3, len(text.split())), len(text.split()) > 3) for text in texts]

    def classify(self, encoded):
        return [row(" ".join(one.text.split()[: one.tokens])) for one in encoded]

    def explain(self, text):
        return [{"token": text, "start": 0, "end": len(text), "weight": 0.5}]


def test_a_model_with_predict_only_is_encoded_as_text() -> None:
    model = RegisteredModel("3", Plain())
    encoded = model.encode(["one", "a longer text"])
    assert [one.tokens for one in encoded] == [1, 4]
    assert not any(one.is_truncated for one in encoded)
    assert [answer.label for answer in model.classify(encoded)] == ["one", "a longer text"]
    assert (model.is_padded, model.can_explain) == (False, False)


def test_a_model_that_pads_is_asked_for_its_own_encoding() -> None:
    model = RegisteredModel("3", Padded())
    encoded = model.encode(["one", "one two three four"])
    assert [(one.tokens, one.is_truncated) for one in encoded] == [(1, False), (3, True)]
    assert [answer.label for answer in model.classify(encoded)] == ["one", "one two three"]
    assert (model.is_padded, model.can_explain, model.tolerance) == (True, True, 0.02)
    assert model.explain("why") == [{"token": "why", "start": 0, "end": 3, "weight": 0.5}]


def test_an_encode_without_classify_is_not_used() -> None:
    class Half(Plain):
        def encode(self, texts):
            raise AssertionError

    model = RegisteredModel("3", Half())
    assert model.encode(["one"]) == [Text("one")]
    assert [answer.label for answer in model.predict(["one"])] == ["one"]


def test_predict_is_handed_the_context_it_was_loaded_with() -> None:
    class Asking(Plain):
        def predict(self, context, model_input, params=None):
            return [row(context) for _ in model_input]

    assert RegisteredModel("3", Asking(), "the context").predict(["x"])[0].label == "the context"
