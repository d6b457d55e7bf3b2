"""Progress: plain lines off a terminal, timings and events recorded, silence when not asked."""

import io
import json

from heart.core.progress import Console, silent


def test_lines_timings_and_events(tmp_path):
    """A batch log must be readable and a machine must be able to follow the run."""
    stream, events = io.StringIO(), tmp_path / "events.jsonl"
    console = Console(stream=stream, events=events)
    with console.step("Meshing", total=2) as step:
        step.advance(2)
    console.say("done")
    assert "Meshing ..." in stream.getvalue()
    assert "\r" not in stream.getvalue()
    assert console.timings["Meshing"] >= 0.0
    names = [json.loads(line)["event"] for line in events.read_text().splitlines()]
    assert names == ["start", "done", "say"]


def test_nobody_listens():
    """Libraries and tests pass the null object: no branch in any layer asks who watches."""
    watch = silent()
    with watch.step("anything") as step:
        step.advance()
    watch.say("x")
    watch.event("y", value=1)
