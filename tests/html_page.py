"""A page as a browser and a screen reader find it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "link", "hr"}
LOADS = {"src", "srcset", "data", "action", "formaction", "poster", "background", "xlink:href"}
"""Attributes whose value is fetched."""


class Page(HTMLParser):
    """Reads a page and fails on what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == [], "everything is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.found if name == tag]

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.found]

    def assert_loads_and_runs_nothing(self) -> None:
        named = {name for _, attributes in self.found for name in attributes}
        assert not [name for name in named if name in LOADS or name.startswith("on")]
        assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & {
            tag for tag, _ in self.found
        }

    def assert_tables_can_be_heard(self) -> None:
        """Each table that is scrolled is a region with a name of its own; its headings say what they head."""
        scrolled = [attributes for attributes in self.all("div") if attributes.get("class") == "scroll"]
        assert scrolled
        assert all((each["role"], each["tabindex"]) == ("region", "0") for each in scrolled)
        names = [each["aria-label"] for each in scrolled]
        assert len(names) == len(set(names)), "regions are told apart"
        assert all("scope" in attributes for attributes in self.all("th"))

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())
