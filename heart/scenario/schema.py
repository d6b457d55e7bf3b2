"""The JSON schema of each kind of scenario, for editors and for `heart schema`."""

from __future__ import annotations

import json

from heart.scenario.load import KINDS


def schema_text(kind: str) -> str:
    """Return the JSON schema of a kind in `KINDS`, as the text that scenarios/schema/ keeps."""
    schema = KINDS[kind].model_json_schema(by_alias=True)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{kind}.json"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"
