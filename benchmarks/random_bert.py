"""A transformer that has learnt nothing: its tokenizer is real, its weights are drawn from a seed.

As slow as a trained one of its size, and there without a network.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Where the tokenizer puts its special tokens.
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True)
class Size:
    """``vocabulary`` counts word pieces; ``heads`` divides ``width``; ``limit`` is a text's most tokens."""

    layers: int = 12
    width: int = 768
    heads: int = 12
    vocabulary: int = 30_522
    limit: int = 512


def make(texts: Sequence[str], labels: Sequence[str], size: Size, seed: int) -> tuple[Any, Any]:
    """Return a transformers model and a tokenizer that knows the words of the texts."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        max_position_embeddings=size.limit,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    return BertForSequenceClassification(config).eval(), _tokenizer(texts, size)


def _tokenizer(texts: Sequence[str], size: Size) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
    )
    pieces = _pieces(words, size.vocabulary)
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", pieces["[SEP]"]), ("[CLS]", pieces["[CLS]"])
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=size.limit,
        **dict(zip(names, SPECIAL, strict=True)),
    )


def _pieces(words: Counter[str], count: int) -> dict[str, int]:
    """Return the number of each piece: letters, so that every word can be spelt, then the commonest words.

    The tokenizers package could learn better ones, but learns others each time.
    """
    letters = sorted(set("".join(words)))
    common = sorted(words, key=lambda word: (-words[word], word))
    pieces = dict.fromkeys([*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *common])
    return {piece: number for number, piece in zip(range(count), pieces, strict=False)}
