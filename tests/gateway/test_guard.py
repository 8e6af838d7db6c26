"""No spelling of an inner address gets a connection; names are pinned to the address that was checked."""

from ipaddress import ip_network

import httpcore2
import pytest

from gateway.errors import WebhookRefused
from gateway.webhooks.guard import AddressRefused, GuardedBackend, check_url, is_allowed
from tests.gateway.receiver import receiving


async def post(url: str, *allowed: str) -> int:
    backend = GuardedBackend([ip_network(block) for block in allowed])
    async with httpcore2.AsyncConnectionPool(network_backend=backend) as pool:
        timeouts = {"timeout": {"connect": 2, "read": 2}}
        answer = await pool.request("POST", url, content=b"x", extensions=timeouts)
        return answer.status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]",
        "[::ffff:127.0.0.1]", "[::]", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1",
        "100.64.0.1", "192.0.2.1", "224.0.0.1", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
async def test_an_inner_address_is_refused_however_it_is_written(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        with pytest.raises(AddressRefused) as refused:
            await post(f"http://{host}:{port}/hook")
        assert not receiver.received
        assert host not in str(refused.value)


async def test_what_the_operator_allows_is_reached_by_any_name() -> None:
    with receiving() as receiver:
        assert await post(receiver.url, "127.0.0.0/8") == 204
        assert await post(receiver.url.replace("127.0.0.1", "2130706433"), "127.0.0.0/8") == 204


def test_public_addresses_are_allowed_and_mapped_ones_judged_by_what_they_map() -> None:
    assert is_allowed("93.184.216.34", [])
    assert is_allowed("2606:2800:220:1:248:1893:25c8:1946", [])
    assert is_allowed("::ffff:93.184.216.34", [])
    assert not is_allowed("::ffff:10.0.0.1", [])
    assert is_allowed("::ffff:10.0.0.1", [ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "https://", "https:///path", "https://u:p@example.com/",
        "https://exa mple.com/", "https://example.com:99999/", "https://example.com:0/", "file:///etc/passwd",
        "https://[::1/", "https://example.com/\r\nHost: other",
    ],
)  # fmt: skip
def test_what_is_no_callable_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(WebhookRefused):
        check_url(url, http=True)


def test_plain_http_only_where_it_is_allowed() -> None:
    check_url("https://example.com/hook", http=False)
    check_url("http://example.com/hook", http=True)
    with pytest.raises(WebhookRefused):
        check_url("http://example.com/hook", http=False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.", "localhost.", "0300.0250.0.1", "0xa9fea9fe", "2852039166", "0xa9.0376.169.254", "0",
        "[::ffff:a9fe:a9fe]", "[::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]", "[fec0::1]", "[ff02::1]", "[fd00:ec2::254]",
        "168.63.129.16", "100.100.100.200", "255.255.255.255", "240.0.0.1", "198.18.0.1",
    ],
)  # fmt: skip
async def test_no_disguise_helps_an_inner_address(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        with pytest.raises(httpcore2.ConnectError) as refused:
            await post(f"http://{host}:{port}/hook")
        assert not receiver.received
        assert host.strip("[].") not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::a83f:8110",
        "fec0::1",
        "::7f00:1",
        "2002:a9fe:a9fe::1",
    ],
)
def test_an_address_that_looks_public_and_is_not_is_refused(address: str) -> None:
    assert not is_allowed(address, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://１２７.0.0.1/", "https://127。0。0。1/", "https://ⓛocalhost/", "https://[fe80::1%25lo]/",
        "https://[fe80::1%eth0]/", "https://example.com\\@127.0.0.1/", "https://@127.0.0.1/",
        "https://example.com@127.0.0.1/", "https://127.0.0.1%2f@example.com/", "https://exam%70le.com/",
        "https://example.com/\u202e", "https://example.com:80:80/", "//127.0.0.1/",
    ],
)  # fmt: skip
def test_what_two_readers_read_differently_is_refused_at_once(url: str) -> None:
    with pytest.raises(WebhookRefused) as refused:
        check_url(url, http=True)
    assert "127" not in refused.value.detail


class Rebinding:
    """A name that is public when it is looked at, and inside when it is looked at again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0)


async def connect(resolve: Rebinding, port: int, allowed: str) -> None:
    backend = GuardedBackend([ip_network(allowed)], resolve)
    stream = await backend.connect_tcp("rebinds.example", port, timeout=2)
    await stream.aclose()


async def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked() -> None:
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        name = Rebinding(["127.0.0.2"], ["127.0.0.1"])
        # The receiver listens on 127.0.0.1 alone: a second look would reach it.
        with pytest.raises(httpcore2.ConnectError):
            await connect(name, port, "127.0.0.2/32")
        assert name.asked == 1


async def test_one_inner_address_among_public_ones_is_one_too_many() -> None:
    with pytest.raises(AddressRefused):
        await connect(Rebinding(["93.184.216.34", "10.0.0.1"]), 9, "127.0.0.1/32")


async def test_a_name_that_turns_inside_is_refused_at_its_next_connection() -> None:
    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        name = Rebinding(["127.0.0.1"], ["169.254.169.254"])
        await connect(name, port, "127.0.0.1/32")
        with pytest.raises(AddressRefused):
            await connect(name, port, "127.0.0.1/32")
