"""YAML read as a person reads it; imported only where a YAML file is, since its package may be missing."""

import re
from typing import Any, ClassVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from harness.errors import quoted

DEEPEST = 64
"""Levels of lists and tables within each other."""


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # its package has no types
    """The safe loader without aliases, tags, keys that stand twice, and guesses at what a plain word may mean."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
    yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"aliases such as *{event.anchor} are refused", event.start_mark
            )
        node: Node = super().compose_node(parent, index)
        return node

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Brackets within brackets are stopped as they are read: the scanner takes the square of their number."""
        if self.flow_level >= DEEPEST:
            raise RecursionError
        super().fetch_flow_collection_start(token)


def _table(loader: Loader, node: MappingNode) -> dict[Any, Any]:
    """A mapping; keys that are texts, each once."""
    table: dict[Any, Any] = {}
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, str) or name in table:
            said = "stands twice" if isinstance(name, str) else "is no text"
            raise yaml.constructor.ConstructorError(None, None, f"the key {quoted(name)} {said}", key.start_mark)
        table[name] = loader.construct_object(value, deep=True)
    return table


def _refused(loader: Loader, node: Node) -> None:
    raise yaml.constructor.ConstructorError(None, None, f"the tag {quoted(node.tag)} is refused", node.start_mark)


def _scalar(loader: Loader, node: ScalarNode) -> str:
    return str(node.value)


PLAIN = {
    "bool": (re.compile(r"true|false"), "tf", lambda loader, node: node.value == "true"),
    "int": (re.compile(r"0|-?[1-9][0-9]{0,18}"), "-0123456789", lambda loader, node: int(node.value)),
    "null": (re.compile(r"null|~|"), ["n", "~", ""], lambda loader, node: None),
}
"""Tag -> what a plain word of it looks like, how it may begin, and what it is."""
for tag, (pattern, first, build) in PLAIN.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern.pattern})$"), list(first))
    Loader.add_constructor(f"tag:yaml.org,2002:{tag}", build)
Loader.add_constructor("tag:yaml.org,2002:str", _scalar)
Loader.add_constructor("tag:yaml.org,2002:seq", lambda loader, node: loader.construct_sequence(node, deep=True))
Loader.add_constructor("tag:yaml.org,2002:map", _table)
Loader.add_constructor(None, _refused)
