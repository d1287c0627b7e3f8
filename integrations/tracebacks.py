"""What a log shows of an unexpected error: its type and place. Its text is left out, since it may quote a value."""

import traceback
from pathlib import Path


def place_of(error: BaseException) -> str:
    """Type of an error, and file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def without_texts(error: BaseException) -> str:
    """Traceback of an error and of the one that it followed, with the types of errors in place of their texts."""
    lines: list[str] = []
    following: BaseException | None = error
    seen = set[int]()
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        header = "Traceback (most recent call last):\n" if following.__traceback__ else ""
        lines.append(f"{header}{''.join(traceback.format_tb(following.__traceback__))}{type(following).__qualname__}")
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "\n\nAfter this error:\n\n".join(reversed(lines))
