"""A registry with a model, made once: its first start runs migrations, which take seconds."""

import pytest

from tests.scale.services import registered


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tracking URI. Several workers may read the file at once."""
    return registered(tmp_path_factory.mktemp("registry"))
