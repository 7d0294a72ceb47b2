"""Ids for posts whose source tells none. An id that it does tell is handed on as it is written."""

from uuid import UUID, uuid5

# Fixed for ever: every id that is derived grows from this.
NAMESPACE = UUID("5b1f6c4e-3a0c-5d0e-9c55-0d6f3f1e8a27")


def derived_id(*parts: str) -> str:
    """An id made of what names the post: the same parts give the same id."""
    name = "\n".join(parts).encode("utf-8", "replace").decode("utf-8")
    return f"urn:uuid:{uuid5(NAMESPACE, name)}"
