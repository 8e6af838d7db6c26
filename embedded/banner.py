"""What the user reads once everything is ready. Pure text."""

import re
from datetime import timedelta

EXAMPLE = '{"input": {"text": "The crew were lovely and we landed early!"}}'


def banner(gateway: str, mlflow: str, redis: str, took: timedelta) -> str:
    """Return the addresses, one request to try, and how to stop.

    Args:
        gateway: base URL of the gateway, without a slash at the end.
        mlflow: MLFLOW_TRACKING_URI as the services see it.
        redis: REDIS_URL as the services see it.
        took: from the start until all was ready.
    """
    return f"""
Barometer is ready after {took.total_seconds():.1f} s.

  Page     {gateway}/
  API      {gateway}
  Docs     {gateway}/docs
  Metrics  {gateway}/metrics
  MLflow   {without_secret(mlflow)}
  Redis    {without_secret(redis)}

Try it:

  curl -s {gateway}/v1/predictions -H 'Content-Type: application/json' -H 'Prefer: wait' -d '{EXAMPLE}'

Ctrl-C stops everything.
"""


def without_secret(url: str) -> str:
    """Return the URL without the name and password in it."""
    return re.sub("//[^/?#]*@", "//", url, count=1)
