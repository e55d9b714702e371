"""Logs go to stderr and never hold source text.

Exceptions quote what they were given, so only their type and the frames of the code are
written, also where a library logs with `exc_info` or a thread ends with an exception.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from slmcode.config import Config

logger = logging.getLogger(__name__)


def where(error: BaseException) -> str:
    """Type and place of an exception, without its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__}\n{frames}".rstrip()


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:
        return where(ei[1])


def set_up(config: Config) -> None:
    """Log to stderr. Call once, at the start of the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pygls").setLevel(logging.WARNING)  # at INFO it writes message bodies
    set_level(config)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread


def set_level(config: Config) -> None:
    """Apply the setting `log_level`, to our own loggers only."""
    logging.getLogger("slmcode").setLevel(config.log_level.upper())


def _log_uncaught(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    logger.critical("the process ends: %s", where(error))


def _log_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    if args.exc_value is not None:
        logger.error("thread %s ended: %s", name, where(args.exc_value))
