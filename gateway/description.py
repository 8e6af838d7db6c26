"""The OpenAPI description, made true where FastAPI's own is not."""

from typing import Any

from fastapi import FastAPI

from gateway import problems


def install(app: FastAPI) -> None:
    """Describe ``app`` as it answers."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        described = generate()
        described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        # Where no key was ever made, none is asked for.
        described["security"] = [{"key": []}, {}]
        for place, path in described["paths"].items():
            for operation in path.values():
                if place.startswith(problems.OTHER_PROTOCOL):
                    operation["responses"].pop("422", None)
                else:
                    _errors_are_problems(operation)
                _parameters_are_never_null(operation)
                described["components"]["schemas"].update(_definitions(operation))
        return described

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _errors_are_problems(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {problems.MEDIA_TYPE: response["content"]["application/json"]}


def _definitions(operation: dict[str, Any]) -> dict[str, Any]:
    """Take out what the schema of a body brings along; OpenAPI keeps it in one place for all."""
    content = operation.get("requestBody", {}).get("content", {})
    return {
        name: schema
        for described in content.values()
        for name, schema in described["schema"].pop("$defs", {}).items()
    }


def _parameters_are_never_null(operation: dict[str, Any]) -> None:
    """``str | None`` means that a parameter may be missing; what is sent as ``null`` is a word."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            schema.update(kinds[0])
