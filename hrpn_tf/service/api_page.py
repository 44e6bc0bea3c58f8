"""The page that describes the interface, made from its OpenAPI schema.

FastAPI's own page loads a program from another site. This one is text: it needs no script, opens
without a network, and its content security policy allows nothing but its own style.
"""

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

_TEMPLATE = "templates/api.html"


@dataclass(frozen=True)
class Page:
    """A page, and the policy that it is sent with.

    Attributes:
        text: HTML.
        policy: value of ``Content-Security-Policy``.
    """

    text: str
    policy: str


def api_page(schema: dict[str, Any]) -> Page:
    """The page of an OpenAPI schema."""
    folder = files("hrpn_tf.service")
    template = folder.joinpath(_TEMPLATE).read_text(encoding="utf-8")
    style = folder.joinpath("templates/api.css").read_text(encoding="utf-8")
    # everything that is put in is escaped, but for the style
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["code"] = _with_code
    text = environment.from_string(template).render(
        title=schema["info"]["title"],
        version=schema["info"]["version"],
        about=schema["info"]["description"].split("\n\n"),
        operations=_operations(schema),
        style=style,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return Page(text, policy)


def _with_code(text: str) -> Markup:
    """A text of the schema, in which `words` are code."""
    parts = enumerate(text.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in parts
    )


def _operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Each operation with its parameters and the keys of its body."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary", ""),
            "parameters": [
                {
                    "name": each["name"],
                    "place": each["in"],
                    "required": each.get("required", False),
                    "about": each.get("description", ""),
                }
                for each in operation.get("parameters", [])
            ],
            "body": _body(schema, operation),
        }
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]


def _body(schema: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Kind of a body, and its keys if it is JSON."""
    if (body := operation.get("requestBody")) is None:
        return None
    kind, content = next(iter(body["content"].items()))
    reference = content["schema"].get("$ref", "")
    model = schema.get("components", {}).get("schemas", {}).get(reference.rpartition("/")[2], {})
    required = model.get("required", [])
    keys = [
        {"name": name, "required": name in required, "about": value.get("description", "")}
        for name, value in model.get("properties", {}).items()
    ]
    return {"kind": kind, "about": body.get("description", ""), "keys": keys}
