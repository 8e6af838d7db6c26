"""The model families the trainer knows, by the name users give. Each is a file of its own."""

from collections.abc import Mapping

from trainer.families import tfidf
from trainer.families.family import Train

FAMILIES: Mapping[str, Train] = {"tfidf": tfidf.train}
