"""HTML and SVG elements whose text is always escaped: what is not made here is text."""

from collections.abc import Iterable
from html import escape

LONGEST = 2_000
"""Characters of a text from a table that are shown; a header may be a megabyte long."""


_UNSEEN = {
    **dict.fromkeys((n for n in range(0x20) if chr(n) not in "\n\t"), "\N{REPLACEMENT CHARACTER}"),
    **dict.fromkeys((0x7F, *range(0x80, 0xA0)), "\N{REPLACEMENT CHARACTER}"),
    # Marks that turn the direction of what follows, so that a name reads as another one.
    **dict.fromkeys((*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), ""),
}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Content = str | Iterable[str]


def text(value: str) -> Html:
    """Return text as markup: escaped, without control characters, at most :data:`LONGEST` long."""
    shown = value if len(value) <= LONGEST else value[:LONGEST] + "…"
    return Html(escape(shown.translate(_UNSEEN)))


def join(*content: Content) -> Html:
    """Return pieces one after the other; those that are not markup are escaped."""
    pieces = (item for part in content for item in ([part] if isinstance(part, str) else part))
    return Html("".join(piece if isinstance(piece, Html) else text(piece) for piece in pieces))


def tag(name: str, /, *content: Content, **attributes: str | float | None) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
    content : str or iterable of str
        Markup, or text to escape.
    attributes : str or float, optional
        ``_`` in a name becomes ``-``, at its end nothing (``class_``); None leaves the attribute out.

    Examples
    --------
    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{join(*content)}</{name}>")


def _written(value: str | float) -> str:
    return value.translate(_UNSEEN) if isinstance(value, str) else f"{value:.6g}"
