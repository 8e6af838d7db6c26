"""Where things lie on a host. docs/operations.md has the same list for people."""

from pathlib import Path

PREFIX = Path("/opt/barometer")
RELEASES = PREFIX / "releases"
ENVIRONMENTS = PREFIX / "environments"
#: The release that serves; for people and for the next install, the units name their release themselves.
CURRENT = PREFIX / "current"
SETTINGS = Path("/etc/barometer")
CREDENTIALS = SETTINGS / "credentials"
REDIS_SETTINGS = SETTINGS / "redis"
#: An API key with which an install asks for a prediction.
PROBE_KEY = CREDENTIALS / "probe-key"
STATE = Path("/var/lib/barometer")
REDIS_DATA = STATE / "redis"
REDIS_SOCKET = Path("/run/barometer-redis/redis.sock")
BACKUPS = Path("/var/backups/barometer")
#: Not the operator's own folder: what they mask or edit there stays theirs.
UNITS = Path("/usr/local/lib/systemd/system")
#: What the operator enabled, masked or edited.
CHOICES = Path("/etc/systemd/system")
COMMAND = Path("/usr/local/sbin/barometer-host")
GATEWAY_URL = "http://127.0.0.1:8000"
