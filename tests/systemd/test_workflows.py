"""The workflows: valid, pinned, with least power, and made of scripts that run elsewhere too."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.systemd.host import REPOSITORY

SCRIPTS = REPOSITORY / ".github/scripts"
FILES = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))


def jobs(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text())["jobs"])


def steps() -> list[dict[str, Any]]:
    return [step for file in FILES for job in jobs(file).values() for step in job.get("steps", [])]


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPTS / script, *arguments], capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": path} | environment,
    )  # fmt: skip


def test_the_schema_and_zizmor_have_nothing_to_say() -> None:
    done = run("workflows")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_commit_holds_a_secret() -> None:
    done = run("secrets")
    assert done.returncode == 0, done.stderr


def test_a_secret_in_an_old_commit_is_found(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", "-C", tmp_path, *author, *words], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / ".github/scripts").mkdir(parents=True)
    (tmp_path / ".github/scripts/secrets").write_bytes((SCRIPTS / "secrets").read_bytes())
    for text in ("token = ghp_" + "a1" * 18, "token = read from a file"):
        (tmp_path / "settings").write_text(text + "\n")
        git("add", "--all")
        git("commit", "--quiet", "--message", "settings")
    done = subprocess.run(
        ["bash", tmp_path / ".github/scripts/secrets"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "token" in done.stderr


def test_every_step_runs_a_script_that_runs_elsewhere_too() -> None:
    scripts = set()
    for step in steps():
        if "run" in step:
            assert re.fullmatch(r"(make|\.github/scripts/[a-z-]+)( [a-z-]+)?", step["run"]), step["run"]
            if step["run"].startswith("."):
                scripts.add(step["run"].split()[0].rpartition("/")[2])
    assert {path.name for path in SCRIPTS.iterdir()} == scripts


def test_actions_are_pinned_by_commit() -> None:
    for step in steps():
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]


def test_no_job_has_more_power_than_reading() -> None:
    for file in FILES:
        assert yaml.safe_load(file.read_text())["permissions"] == {}
        for job in jobs(file).values():
            assert job["permissions"] == {"contents": "read"}


def test_only_main_is_deployed_after_everything_has_passed() -> None:
    ci = jobs(REPOSITORY / ".github/workflows/ci.yml")
    assert set(ci["deploy"]["needs"]) == set(ci) - {"deploy"}
    assert "refs/heads/main" in ci["deploy"]["if"]
    deploy = jobs(REPOSITORY / ".github/workflows/deploy.yml")["deploy"]
    assert deploy["environment"] == "production"
    assert "refs/heads/main" in deploy["if"]


@pytest.mark.parametrize("name", ["DEPLOY_HOST", "DEPLOY_USER", "DEPLOY_SSH_KEY", "DEPLOY_KNOWN_HOSTS"])
def test_a_deploy_without_all_it_needs_says_what_is_missing(name: str) -> None:
    all_names = ["DEPLOY_HOST", "DEPLOY_USER", "DEPLOY_SSH_KEY", "DEPLOY_KNOWN_HOSTS"]
    done = run("deploy", **{given: "something" for given in all_names if given != name})
    assert done.returncode == 2
    assert name in done.stderr


@pytest.mark.slow
def test_the_wheel_works_outside_the_checkout(tmp_path: Path) -> None:
    done = run("wheel", str(tmp_path), PYTHON=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob("barometer-*.whl"))
