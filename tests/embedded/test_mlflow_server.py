"""Our MLflow, run for real once: it answers, knows its champion, and leaves nothing behind."""

import asyncio
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from httpx2 import AsyncClient

from embedded import mlflow_server
from embedded.children import Child, Surroundings
from embedded.preflight import data_folder, log_file
from embedded.supervisor import wait_until
from tests.embedded.processes import descendants, survivors


@pytest.fixture
async def client():
    async with AsyncClient(trust_env=False, timeout=10) as client:
        yield client


async def register_champion(client, url):
    """Register a version and point the alias at it, as the trainer does."""
    api = f"{url}/api/2.0/mlflow"

    async def post(path, **body):
        answer = await client.post(f"{api}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    run = (await post("runs/create", experiment_id="0"))["run"]["info"]
    await post("registered-models/create", name="sentiment")
    source = f"{run['artifact_uri']}/model"
    await post("model-versions/create", name="sentiment", source=source, run_id=run["run_id"])
    await post("registered-models/alias", name="sentiment", alias="champion", version="1")


class Registry(BaseHTTPRequestHandler):
    """What MLflow answers to the one question asked of it."""

    def do_GET(self):
        asked = self.path == "/api/2.0/mlflow/registered-models/alias?name=sentiment&alias=champion"
        self.send_response(200 if asked and self.server.has_champion else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("answer", [True, False])
async def test_the_champion_is_asked_for_by_name_and_alias(client, answer):
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as registry:
        registry.has_champion = answer
        threading.Thread(target=registry.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{registry.server_port}/"
        assert await mlflow_server.has_champion(client, url)() is answer
        await client.aclose()
        registry.shutdown()


async def test_a_registry_that_cannot_be_asked_has_no_champion(client):
    assert not await mlflow_server.has_champion(client, "sqlite:///mlflow.db")()
    assert not await mlflow_server.has_champion(client, "http://127.0.0.1:9")()


@pytest.mark.slow  # MLflow itself takes half a minute to start on a busy machine
async def test_it_answers_knows_its_champion_and_stops_with_all_its_processes(tmp_path, client):
    data = data_folder(tmp_path / "with a space")
    port = mlflow_server.choose_port(None)
    url = mlflow_server.url(port)
    server = Child(
        mlflow_server.spec(data, port, log_file(data, mlflow_server.NAME)),
        Surroundings(os.environ, (), lambda *_: None),
    )
    is_up, has_champion = (
        mlflow_server.answers(client, f"{url}/health"),
        mlflow_server.has_champion(client, url),
    )
    assert not await is_up()
    assert not await has_champion()
    await server.start()
    try:
        await wait_until("mlflow", is_up)
        assert not await has_champion()
        await register_champion(client, url)
        assert await has_champion()
        processes = {server.pid, *descendants(server.pid)}
        # The command line and one server: more would be its job runners, 0.7 GB of them.
        assert len(processes) == 2
    finally:
        await server.stop()
    assert await asyncio.to_thread(survivors, processes, 0) == set()
    mlflow_server.check_database(mlflow_server.database(data))
    assert (data / "mlflow.db").stat().st_size > 0
