"""``/v1/models``, with a real MLflow that can be away."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from contract import registry
from gateway.catalog import Catalog
from gateway.errors import RegistryUnavailable
from gateway.settings import Settings
from tests.gateway.conftest import Gateway, Start, running
from tests.worker.registering import Mlflow
from tests.working import Rule, working

TAGS = {
    registry.LABELS_TAG: '["negative", "positive"]',
    registry.METRICS_TAG: '{"accuracy": 0.9, "macro_f1": 0.8}',
    registry.DATA_TAG: "ab12",
    registry.GATE_TAG: "passed",
    registry.GATE_REASONS_TAG: "better by 0.02\nno class worse",
}


def post(server: Mlflow, path: str, **body: object) -> dict:
    answer = httpx2.post(f"{server.inside}/api/2.0/mlflow/{path}", json=body, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def add_version(server: Mlflow, name: str, tags: dict[str, str]) -> None:
    run = post(server, "runs/create", experiment_id="0")["run"]["info"]
    told = [{"key": key, "value": value} for key, value in tags.items()]
    source = f"{run['artifact_uri']}/model"
    post(server, "model-versions/create", name=name, source=source, run_id=run["run_id"], tags=told)


@pytest.fixture(scope="module")
def mlflow() -> Iterator[Mlflow]:
    """An MLflow with three versions of ``sentiment``; the third is not of our trainer."""
    server = Mlflow()
    post(server, "registered-models/create", name="sentiment", description="What reviews say")
    for tags in (TAGS, {**TAGS, registry.GATE_TAG: "refused"}, {registry.LABELS_TAG: "not JSON"}):
        add_version(server, "sentiment", tags)
    for alias, version in (("champion", "1"), ("challenger", "2"), ("best", "1")):
        post(server, "registered-models/alias", name="sentiment", alias=alias, version=version)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def told(module_url: str, mlflow: Mlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    log = tmp_path_factory.mktemp("models") / "gateway.log"
    with running(module_url, log, MLFLOW_TRACKING_URI=mlflow.url, GATEWAY_MODELS="topics") as gateway:
        yield gateway


def test_a_model_says_what_serves_and_how_good_it_is(told: Gateway, apart_url: str) -> None:
    with working(apart_url, Rule()):
        answer = told.http.get("/v1/models/barometer/sentiment")
    assert answer.status_code == 200
    model = answer.json()
    assert model["url"] == f"{told.url}/v1/models/barometer/sentiment"
    assert (model["owner"], model["name"], model["visibility"]) == ("barometer", "sentiment", "private")
    assert model["description"] == "What reviews say"
    assert model["aliases"] == {"champion": "1", "challenger": "2", "best": "1"}
    champion = model["latest_version"]
    assert (champion["id"], champion["aliases"], champion["served_by"]) == ("1", ["best", "champion"], 1)
    assert champion["labels"] == ["negative", "positive"]
    assert champion["metrics"] == {"accuracy": 0.9, "macro_f1": 0.8}
    assert champion["data_digest"] == "sha256:ab12"
    assert champion["gate"] == {"verdict": "passed", "reasons": ["better by 0.02", "no class worse"]}
    schemas = champion["openapi_schema"]["components"]["schemas"]
    assert schemas["Input"]["required"] == ["text"]
    assert schemas["Output"]["properties"]["scores"]["items"] == {"$ref": "#/components/schemas/LabelScore"}
    assert "LabelScore" in schemas


def test_versions_are_listed_newest_first_also_those_that_never_served(told: Gateway) -> None:
    page = told.http.get("/v1/models/barometer/sentiment/versions").json()
    assert (page["previous"], page["next"]) == (None, None)
    third, second, first = page["results"]
    assert [third["id"], second["id"], first["id"]] == ["3", "2", "1"]
    assert (second["gate"]["verdict"], second["served_by"]) == ("refused", 0)
    assert (third["labels"], third["metrics"], third["data_digest"], third["gate"]) == ([], {}, None, None)
    assert told.http.get("/v1/models/barometer/sentiment/versions/2").json() == second


def test_all_models_are_listed_the_default_first_also_one_that_nobody_registered(told: Gateway) -> None:
    sentiment, topics = told.http.get("/v1/models").json()["results"]
    assert sentiment == told.http.get("/v1/models/barometer/sentiment").json()
    assert (topics["name"], topics["latest_version"], topics["aliases"]) == ("topics", None, {})


@pytest.mark.parametrize(
    "path",
    ["someone/sentiment", "barometer/other", "barometer/other/versions", "barometer/sentiment/versions/9",
     "someone/sentiment/versions/1"],
)  # fmt: skip
def test_what_is_not_served_is_not_found(told: Gateway, path: str) -> None:
    answer = told.http.get(f"/v1/models/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_registry_that_is_away_is_told_from_memory_and_never_hurts_a_prediction(
    start: Start, mlflow: Mlflow, apart_url: str
) -> None:
    with start(MLFLOW_TRACKING_URI=mlflow.url, GATEWAY_MODELS="topics") as gateway:
        before = gateway.http.get("/v1/models/barometer/sentiment")
        with mlflow.away(), working(apart_url, Rule()):
            after = gateway.http.get("/v1/models/barometer/sentiment/versions/1")
            assert after.status_code == 200
            assert after.json() == {**before.json()["latest_version"], "served_by": 1}
            assert gateway.create("fine", prefer="wait").json()["status"] == "succeeded"
            unknown = gateway.http.get("/v1/models/barometer/topics")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "registry_unavailable")
    assert unknown.headers["Retry-After"]


async def test_an_answer_past_its_time_says_so_and_the_next_one_is_new(mlflow: Mlflow) -> None:
    catalog = Catalog(Settings(MLFLOW_TRACKING_URI=mlflow.url), fresh=timedelta(seconds=1))
    first = await catalog.model("sentiment")
    assert first.headers == {"Age": "0", "Cache-Status": "registry; hit; ttl=0"}
    with mlflow.away():
        await asyncio.sleep(2.1)
        stale = await catalog.model("sentiment")
        assert (stale.model, stale.headers) == (
            first.model, {"Age": "2", "Cache-Status": "registry; hit; ttl=-1"},
        )  # fmt: skip
    await asyncio.sleep(1.1)
    assert (await catalog.model("sentiment")).age_s < 1
    await catalog.close()


async def test_many_who_ask_at_once_cost_one_question(asked: "Asked") -> None:
    catalog = Catalog(Settings(MLFLOW_TRACKING_URI=asked.url))
    await asyncio.gather(*(catalog.model("sentiment") for _ in range(50)))
    assert len(asked.server.headers) == 1
    await catalog.close()


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "file:///tmp/mlruns", "http://127.0.0.1:1", "nonsense"]
)
async def test_an_address_that_is_no_mlflow_server_is_a_registry_that_is_away(uri: str) -> None:
    catalog = Catalog(Settings(MLFLOW_TRACKING_URI=uri))
    with pytest.raises(RegistryUnavailable):
        await catalog.model("sentiment")
    await catalog.close()


class Asked:
    """A server that knows no model, and remembers the headers of those who asked."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.server.headers.append(self.headers)
                self.send_response(404)
                self.end_headers()
                self.wfile.write(b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.headers = []
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def asked() -> Iterator[Asked]:
    server = Asked()
    yield server
    server.server.shutdown()
    server.server.server_close()


BASIC = "Basic " + base64.b64encode(b"ada:s:cret").decode()


@pytest.mark.parametrize(
    ("user", "settings", "expected"),
    [
        ("", {}, None),
        ("ada:s%3Acret@", {}, BASIC),
        ("", {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "s:cret"}, BASIC),
        ("ada:s%3Acret@", {"MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
    ],
)
async def test_it_logs_in_as_mlflows_own_client_does(
    asked: Asked, user: str, settings: dict[str, str], expected: str | None
) -> None:
    catalog = Catalog(Settings(MLFLOW_TRACKING_URI=asked.url.replace("//", f"//{user}"), **settings))
    assert (await catalog.model("sentiment")).model.versions == ()
    assert asked.server.headers[0]["Authorization"] == expected
    await catalog.close()
