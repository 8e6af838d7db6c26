"""What decides which form of a transformer serves: no torch here, and no model."""

import time

import numpy as np
import pytest

from trainer.families.forms import compare

pytestmark = pytest.mark.usefixtures("mlflow_imported")


@pytest.fixture
def bert_model(mlflow_imported):
    from trainer.families import bert_model

    return bert_model


class Taking:
    """A form that takes its time, and remembers the shapes it was asked."""

    def __init__(self, seconds_a_text):
        self.seconds_a_text = seconds_a_text
        self.shapes = []

    def logits(self, ids, mask):
        self.shapes.append(ids.shape)
        time.sleep(self.seconds_a_text * len(ids))
        return np.zeros((len(ids), 2))


def rows(*positive):
    return np.array([[1 - p, p] for p in positive])


def test_parity_counts_labels_and_measures_probabilities():
    parity = compare(rows(0.9, 0.2, 0.6, 0.1), rows(0.8, 0.2, 0.4, 0.1))
    assert (parity.rows, parity.agreement) == (4, 0.75)
    assert parity.mean_difference == pytest.approx(0.3 / 4)
    assert parity.max_difference == pytest.approx(0.2)
    assert not parity.is_faithful


def test_a_form_is_faithful_up_to_the_floors():
    reference = rows(*[0.9] * 200)
    one_other_label = reference.copy()
    one_other_label[0] = 0.51, 0.49
    assert compare(reference, one_other_label).is_faithful
    one_other_label[1] = 0.51, 0.49
    assert not compare(reference, one_other_label).is_faithful
    assert compare(reference, rows(*[0.881] * 200)).is_faithful
    assert not compare(reference, rows(*[0.879] * 200)).is_faithful


def test_a_form_that_answers_nan_is_not_faithful():
    assert not compare(rows(0.1, 0.2), np.full((2, 2), np.nan)).is_faithful


def test_parity_on_no_texts_is_refused():
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(np.empty((0, 2)), np.empty((0, 2)))


def test_the_estimate_meets_both_measurements_and_is_a_line_between(bert_model):
    speed = bert_model.Speed(alone_s=0.01, crowd_s=0.32)
    assert speed.seconds(32) == pytest.approx(0.01)
    assert speed.seconds(32 * 32) == pytest.approx(0.32)
    assert speed.seconds((32 + 32 * 32) // 2) == pytest.approx(0.165)


def test_one_form_takes_small_batches_and_another_large_ones(bert_model):
    speeds = {"quick": bert_model.Speed(0.01, 0.3), "wide": bert_model.Speed(0.03, 0.1)}
    assert bert_model.fastest(speeds, tokens=8) == "quick"
    assert bert_model.fastest(speeds, tokens=64) == "quick"
    assert bert_model.fastest(speeds, tokens=512) == "wide"
    assert bert_model.fastest(speeds, tokens=32_768) == "wide"


def test_forms_that_are_fastest_at_neither_end_are_let_go(bert_model):
    speeds = {
        "quick": bert_model.Speed(0.01, 0.3),
        "dull": bert_model.Speed(0.02, 0.2),
        "wide": bert_model.Speed(0.03, 0.1),
    }
    assert bert_model.winners(speeds) == {"quick", "wide"}
    speeds["best"] = bert_model.Speed(0.005, 0.09)
    assert bert_model.winners(speeds) == {"best"}


def test_forms_are_measured_with_one_text_and_with_a_crowd(bert_model):
    slow, quick = Taking(0.003), Taking(0.001)
    speeds = bert_model.measure({"slow": slow, "quick": quick}, budget_s=2.0)
    assert set(slow.shapes) == set(quick.shapes) == {(1, 32), (32, 32)}
    assert speeds["slow"].alone_s >= 0.003
    assert speeds["slow"].crowd_s >= 0.096
    assert speeds["quick"].crowd_s >= 0.032


def test_forms_take_turns_so_that_a_neighbours_noise_hits_all(bert_model):
    turns = []

    class Form:
        def __init__(self, name):
            self.name = name

        def logits(self, ids, mask):
            turns.append(self.name)

    bert_model.measure({"one": Form("one"), "other": Form("other")}, budget_s=1.0)
    assert turns == ["one", "other"] * (len(turns) // 2)
    assert len(turns) >= 8


def test_forms_too_slow_for_the_budget_are_not_tried_with_a_crowd(bert_model):
    form = Taking(0.05)
    speeds = bert_model.measure({"slow": form}, budget_s=0.2)
    assert set(form.shapes) == {(1, 32)}
    assert speeds["slow"].crowd_s == 32 * speeds["slow"].alone_s


def test_the_faithful_forms_compete_and_the_reference_steps_in_for_none(bert_model):
    runnable = ["onnx-int8", "torch-bf16", "torch-fp32"]
    choose = bert_model.candidates
    assert choose({"onnx-int8": True, "torch-bf16": True}, runnable, "auto") == ["onnx-int8", "torch-bf16"]
    assert choose({"onnx-int8": False, "torch-bf16": True}, runnable, "auto") == ["torch-bf16"]
    assert choose({"onnx-int8": False, "torch-bf16": False}, runnable, "auto") == ["torch-fp32"]
    assert choose({"onnx-int8": True, "torch-bf16": True}, ["onnx-int8"], "auto") == ["onnx-int8"]


def test_a_form_asked_for_by_name_is_used_as_asked(bert_model):
    assert bert_model.candidates({"onnx-int8": False}, ["onnx-int8"], "onnx-int8") == ["onnx-int8"]
    with pytest.raises(ValueError, match="'torch-bf16' does not run here; these do: onnx-int8"):
        bert_model.candidates({}, ["onnx-int8"], "torch-bf16")


def test_a_host_without_a_form_is_told_what_to_install(bert_model):
    with pytest.raises(ValueError, match="install torch and transformers"):
        bert_model.candidates({"onnx-int8": False}, ["onnx-int8"], "auto")


def test_a_gpu_sees_few_shapes(bert_model):
    shapes = {
        bert_model.few_shapes(texts, longest, 512) for texts in range(1, 65) for longest in range(1, 129)
    }
    assert len(shapes) == 7 * 16
    assert bert_model.few_shapes(1, 3, 512) == (1, 8)
    assert bert_model.few_shapes(33, 17, 512) == (64, 24)
    assert bert_model.few_shapes(64, 64, 512) == (64, 64)


def test_a_gpu_is_never_given_more_tokens_than_the_model_has_places_for(bert_model):
    assert bert_model.few_shapes(2, 513, 514) == (2, 514)


def test_devices_are_told_apart(bert_model):
    assert bert_model.device("cpu") == "cpu"
    for wrong in ("gpu", "cuda:x", "cuda:-1", ""):
        with pytest.raises(ValueError, match="use auto, cpu, cuda or cuda:N"):
            bert_model.device(wrong)
    with pytest.raises(ValueError, match="'cuda:99' is not here"):
        bert_model.device("cuda:99")


def test_bf16_competes_with_int8_where_the_processor_multiplies_it_as_fast(bert_model):
    sapphire_rapids = "flags : fma avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8"
    zen_4, haswell = "flags : fma avx512_vnni avx512_bf16", "flags : fma avx2"
    assert bert_model.bf16_may_win(sapphire_rapids, int8_serves=True)
    assert not bert_model.bf16_may_win(zen_4, int8_serves=True)
    assert bert_model.bf16_may_win(zen_4, int8_serves=False)
    assert not bert_model.bf16_may_win(haswell, int8_serves=False)
