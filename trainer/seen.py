"""Whether a teacher has learnt from the rows that its pupil is measured on.

What it learnt it passes on, so a pupil's figures are honest only where its teacher never saw those rows.
"""

import mlflow
from mlflow.entities import Run

from trainer.errors import BadRequest, RegistryUnavailable
from trainer.families.teacher import find
from trainer.preparing import Prepared
from trainer.registry import is_missing, reachable
from trainer.tracking import DIGEST_LENGTH


def refuse_seen(teacher: str, prepared: Prepared) -> None:
    """Make sure that the rows to measure on taught the teacher nothing.

    They did not where both are measured on the same file, whose rows are taken out of training, or where
    neither has one: then the side of a row depends on its text alone, in whichever file it stands.

    Raises:
        BadRequest: they may have, or nobody knows.
    """
    ours = None if prepared.measured is None else prepared.measured.rows_sha256[:DIGEST_LENGTH]
    if _measured_on(_run(teacher)) != ours:
        raise BadRequest(
            f"the teacher {teacher} may have learnt from the rows to measure on, which would flatter its "
            "pupil: it was measured on others; train both with the same --evaluation, or both without"
        )


def _run(teacher: str) -> Run:
    found = find(teacher)
    try:
        with reachable():
            return mlflow.MlflowClient().get_run(found.run)
    except RegistryUnavailable as error:
        # MLflow finds "" malformed, not missing.
        if found.run and not is_missing(error):
            raise
        raise BadRequest(
            f"nobody knows which rows taught the teacher {teacher}: this MLflow has no run of its training"
        ) from error


def _measured_on(run: Run) -> str | None:
    """Return the digest of the file that a training measured on, None where it split its own."""
    found = None
    for given in run.inputs.dataset_inputs:
        if any(tag.key == "mlflow.data.context" and tag.value == "evaluation" for tag in given.tags):
            found = str(given.dataset.digest)
    return found
