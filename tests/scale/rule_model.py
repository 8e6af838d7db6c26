"""A model that MLflow loads from this file: texts with "bad" in them are negative.

It knows no package but MLflow, so that a worker which holds it starts quickly.
"""

import time

import mlflow

#: A text that asks for it makes its batch take so long, seconds.
SLOW = 0.5


class Rule(mlflow.pyfunc.PythonModel):
    def predict(self, context, texts, params=None):
        if any("poison" in text for text in texts):
            raise ValueError("cannot read that")
        time.sleep(SLOW * any("slow" in text for text in texts))
        return [_answer(0.9 if "bad" in text else 0.2) for text in texts]


def _answer(negative: float) -> dict:
    scores = {"negative": negative, "positive": 1 - negative}
    label = max(scores, key=scores.get)
    return {"label": label, "score": scores[label], "scores": scores}


mlflow.models.set_model(Rule())
