"""Small files, made where a test needs some."""

from pathlib import Path


def put(root: Path, *names: str, text: str = "x" * 10) -> Path:
    """Write files of one text below a folder, which is returned."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
