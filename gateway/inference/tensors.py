"""Texts in, answers out, as the tensors of the Open Inference Protocol. Pure.

An element of a BYTES tensor is a length of four bytes, little-endian, and so many bytes. With Triton's binary
extension tensors follow the JSON; ``Inference-Header-Content-Length`` says where it ends.
"""

import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import MalformedTensors, TooManyTexts

#: The one input.
INPUT = "text"
#: All outputs: name, type, and whether there is a row of values for each text rather than one. The rows are
#: ordered as ``scores`` of a prediction: best first.
OUTPUTS = {
    "label": ("BYTES", False), "score": ("FP64", False), "labels": ("BYTES", True), "scores": ("FP64", True),
}  # fmt: skip
#: Texts of one request, which waits for them all; a batch takes more.
MOST_TEXTS = 1024


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TensorParameters(BaseModel):
    """How a tensor travels; what a client adds for servers of other kinds is passed over."""

    model_config = ConfigDict(strict=True)

    binary_data_size: Annotated[int | None, Field(ge=0, description="Bytes behind the JSON")] = None
    binary_data: Annotated[bool | None, Field(description="Of an output: send it behind the JSON")] = None


class InferenceParameters(BaseModel):
    """What a client asks for; what it adds for servers of other kinds is passed over."""

    model_config = ConfigDict(strict=True)

    priority: Annotated[
        int, Field(ge=0, description="1 goes first, 0 and 2 are usual, all others go last")
    ] = 0
    timeout: Annotated[
        int, Field(ge=0, description="Microseconds until the request is given up; 0, or more: 60 s")
    ] = 0
    truncate: Annotated[bool, Field(description="Read the beginning of what the model cannot read whole")] = (
        True
    )
    binary_data_output: Annotated[bool, Field(description="Send all outputs behind the JSON")] = False


class RequestInput(_Part):
    """The texts."""

    name: Annotated[str, Field(json_schema_extra={"enum": [INPUT]}, examples=[INPUT])]
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=2, examples=[[1]])]
    datatype: Annotated[str, Field(json_schema_extra={"enum": ["BYTES"]}, examples=["BYTES"])]
    parameters: TensorParameters = TensorParameters()
    data: Annotated[
        list[Any] | None,
        Field(json_schema_extra={"items": {"type": "string"}}, examples=[["What a lovely day!"]]),
    ] = None


class RequestOutput(_Part):
    """One of the outputs."""

    name: Annotated[str, Field(json_schema_extra={"enum": list(OUTPUTS)}, examples=list(OUTPUTS))]
    parameters: TensorParameters = TensorParameters()


class InferenceRequest(_Part):
    """Texts to classify."""

    id: Annotated[str | None, Field(description="Yours; given back as it came")] = None
    parameters: InferenceParameters = InferenceParameters()
    inputs: Annotated[list[RequestInput], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[RequestOutput] | None, Field(description="In this order; else all")] = None

    @property
    def wanted(self) -> list[tuple[str, bool]]:
        """Names of the outputs, and whether each travels in binary.

        Raises:
            MalformedTensors: one of them does not exist.
        """
        everywhere = self.parameters.binary_data_output
        if not self.outputs:
            return [(name, everywhere) for name in OUTPUTS]
        for output in self.outputs:
            if output.name not in OUTPUTS:
                raise MalformedTensors(f"There is no such output; there are {', '.join(OUTPUTS)}.")
        chosen = [(output.name, output.parameters.binary_data) for output in self.outputs]
        return [(name, everywhere if binary is None else binary) for name, binary in chosen]


def split(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    """Return the JSON of a body and the tensors behind it.

    Raises:
        MalformedTensors: the header says nonsense.
    """
    if json_length is None:
        return body, b""
    if not re.fullmatch("[0-9]{1,9}", json_length) or int(json_length) > len(body):
        raise MalformedTensors("Inference-Header-Content-Length must be the length of the JSON in the body.")
    return body[: int(json_length)], body[int(json_length) :]


def texts(request: InferenceRequest, tail: bytes) -> list[str]:
    """Return the texts of a request.

    ``tail`` is what follows its JSON.

    Raises:
        MalformedTensors: they cannot be read.
        TooManyTexts: there are more than ``MOST_TEXTS``.
    """
    [tensor] = request.inputs
    if (tensor.name, tensor.datatype) != (INPUT, "BYTES"):
        raise MalformedTensors(f"The input must be {INPUT!r}, of datatype BYTES.")
    if tensor.shape[1:] not in ([], [1]):
        raise MalformedTensors("The input's shape must be [N] or [N, 1].")
    count, size = tensor.shape[0], tensor.parameters.binary_data_size
    if count > MOST_TEXTS:
        raise TooManyTexts(f"At most {MOST_TEXTS} texts go in one request; POST /v1/batches takes more.")
    if (size or 0) != len(tail):
        raise MalformedTensors("What follows the JSON is not as long as binary_data_size says.")
    if (size is None) == (tensor.data is None):
        raise MalformedTensors("The input needs its texts either in 'data' or behind the JSON.")
    found = _listed(tensor.data or []) if size is None else _unpacked(tail)
    if len(found) != count:
        raise MalformedTensors(f"The input has {len(found)} texts and a shape for {count}.")
    return found


def _listed(data: list[Any]) -> list[str]:
    # A tensor of shape [N, 1] may be nested or flat.
    flat = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    for row, text in enumerate(flat):
        if not isinstance(text, str):
            raise MalformedTensors(f"Text {row} is not a string.")
    return flat


def _unpacked(tail: bytes) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(tail):
        begin = place + 4
        size = int.from_bytes(tail[place:begin], "little")
        place = begin + size
        if place > len(tail):
            raise MalformedTensors(f"Text {len(found)} is longer than the body.")
        try:
            found.append(tail[begin:place].decode("utf-8"))
        except UnicodeDecodeError:
            raise MalformedTensors(f"Text {len(found)} is not UTF-8.") from None
    return found


@dataclass(frozen=True, slots=True)
class Inferred:
    """What came of a request: the outputs of its texts, in their order.

    Args:
        shape: of the input; the outputs have it too, and one dimension more where there are rows.
        version: of the model; None where not all texts were answered by the same one.
    """

    model: str
    version: str | None
    id: str | None
    shape: Sequence[int]
    outputs: Sequence[Mapping[str, Any]]


def response(inferred: Inferred, wanted: Sequence[tuple[str, bool]]) -> tuple[bytes, bytes]:
    """Return the JSON of an answer and the tensors behind it.

    ``wanted`` names the outputs, and says whether each travels in binary.
    """
    tensors, tail = [], bytearray()
    for name, is_binary in wanted:
        datatype, has_rows = OUTPUTS[name]
        values = [value for output in inferred.outputs for value in _VALUES[name](output)]
        shape = [*inferred.shape, len(inferred.outputs[0]["scores"])] if has_rows else list(inferred.shape)
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape}
        if is_binary:
            packed = _packed(values)
            tensor["parameters"] = {"binary_data_size": len(packed)}
            tail += packed
        else:
            tensor["data"] = values
        tensors.append(tensor)
    said: dict[str, Any] = {"model_name": inferred.model, "outputs": tensors}
    if inferred.version is not None:
        said["model_version"] = inferred.version
    if inferred.id is not None:
        said["id"] = inferred.id
    return json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode(), bytes(tail)


_VALUES: dict[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "label": lambda output: [output["label"]],
    "score": lambda output: [output["score"]],
    "labels": lambda output: [one["label"] for one in output["scores"]],
    "scores": lambda output: [one["score"] for one in output["scores"]],
}


def _packed(values: Sequence[str] | Sequence[float]) -> bytes:
    if values and isinstance(values[0], str):
        encoded = [str(value).encode() for value in values]
        return b"".join(part for one in encoded for part in (len(one).to_bytes(4, "little"), one))
    return struct.pack(f"<{len(values)}d", *values)
