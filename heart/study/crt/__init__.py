"""Where should the CRT lead go? Screen, rank with uncertainty, answer in words."""

from heart.study.crt.outputs import write_outputs
from heart.study.crt.result import CrtResult
from heart.study.crt.run import run_crt, screen_hearts

__all__ = ["CrtResult", "run_crt", "screen_hearts", "write_outputs"]
