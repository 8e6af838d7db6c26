"""The model families the trainer knows, by the name users give. Each is a file of its own."""

from collections.abc import Callable, Mapping

from trainer.families import bert, bilstm, tfidf
from trainer.families.family import Train

FAMILIES: Mapping[str, Train] = {"tfidf": tfidf.train, "bilstm": bilstm.train, "bert": bert.train}

#: Those that several processes can train together, and what all but the first of these do.
SHARED: Mapping[str, Callable[..., None]] = {"bert": bert.assist}
