"""Text from events, made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return the text with a space for each character that controls a terminal or turns the direction of writing."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)
