"""The examples of docs/api.md, pasted one after the other into a shell."""

import os
import re
import subprocess
from pathlib import Path

from tests.end_to_end.barometer import Barometer
from tests.end_to_end.test_first_use import curl_home  # noqa: F401

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_example_works_when_pasted(barometer: Barometer, curl_home: Path) -> None:  # noqa: F811
    (curl_home / ".curlrc").write_text('noproxy = "*"\n')
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(blocks)],
        check=False, capture_output=True, text=True,
        env={**os.environ, "BAROMETER": barometer.api, "CURL_HOME": str(curl_home)},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert len(blocks) >= 5
    assert '"label":"negative"' in done.stdout
