"""Word vectors out of a transformer that can be installed, as a text file that the BiLSTM starts from.

``python -m benchmarks.word_vectors --data FILE --base FOLDER --out vectors.txt``. Each word of the file is
read by the transformer alone; the mean of its last states, less the mean of all words, is cut to its first
principal components (after model2vec, github.com/MinishLab/model2vec).
"""

from pathlib import Path
from typing import Annotated

import typer

#: Spread of the numbers: of the order of trained embeddings, so that the LSTM's gates stay open.
SPREAD = 0.3
TOGETHER = 256


def run(
    data: Annotated[Path, typer.Option(help="Labelled texts whose words are wanted.")],
    base: Annotated[Path, typer.Option(help="Folder of the transformer.")],
    out: Annotated[Path, typer.Option(help="The text file to write.")],
    width: Annotated[int, typer.Option(min=1, help="Numbers a word.")] = 128,
) -> None:
    """Write a line for each word that occurs twice: the word, and its numbers."""
    import numpy as np
    import torch
    from sklearn.decomposition import PCA
    from transformers import AutoModel, AutoTokenizer

    from trainer.data.files import Columns, read
    from trainer.families import bilstm

    words = bilstm.vocabulary([row.text for row in read(data, Columns()).rows], bilstm.Options())
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModel.from_pretrained(base).eval()
    states = []
    for start in range(0, len(words), TOGETHER):
        encoded = tokenizer(words[start : start + TOGETHER], return_tensors="pt", padding=True)
        with torch.inference_mode():
            last = model(**encoded).last_hidden_state
        mask = encoded["attention_mask"].unsqueeze(2)
        states.append(((last * mask).sum(1) / mask.sum(1)).numpy())
    found = PCA(width, random_state=0).fit_transform(np.concatenate(states))
    found *= SPREAD / found.std()
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for word, row in zip(words, found, strict=True):
            file.write(f"{word} {' '.join(f'{value:.4f}' for value in row)}\n")
    typer.echo(f"{len(words)} words of {width} numbers in {out}")


if __name__ == "__main__":
    typer.run(run)
