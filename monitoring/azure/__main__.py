"""``python -m monitoring.azure``: print the ARM template."""

import json

import typer

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def run() -> None:
    """Print the ARM template as the queries make it; `template.json` is what it printed last.

    Examples:

    - `python -m monitoring.azure > monitoring/azure/template.json`
    """
    from monitoring.azure.template import template

    typer.echo(json.dumps(template(), indent=2))


if __name__ == "__main__":
    app()
