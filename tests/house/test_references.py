"""Every source named in the code has an entry in docs/refs.bib: a key without one is a rumour."""

import re

KEY = re.compile(r"[\"\[]([A-Z][A-Za-z]+(?:19|20)\d{2})[\"\],]")


def test_every_source_key_has_an_entry(repo_root):
    """Defaults and equations cite by key; `heart cite` must be able to resolve each."""
    known = set(re.findall(r"^@\w+\{(\w+),", (repo_root / "docs/refs.bib").read_text(), re.M))
    used = {
        (match, path.relative_to(repo_root).as_posix())
        for path in (repo_root / "heart").rglob("*.py")
        for match in KEY.findall(path.read_text(encoding="utf-8"))
    }
    assert len(used) > 10
    assert not sorted(item for item in used if item[0] not in known)
