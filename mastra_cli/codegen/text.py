"""Whatever a database holds, as inert Python text; the same for every version of Python."""

from __future__ import annotations

from unicodedata import ucd_3_2_0 as unicode

_SHORT = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def escapes(character: str) -> bool:
    """Whether it is written out: a control, what turns the direction of a line, or what can not be seen."""
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return False
    return code < 0xA0 or code == 0xAD or unicode.category(character)[0] in "CZ"


def _escaped(character: str) -> str:
    if not escapes(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def literal(text: str) -> str:
    """A string literal on one line."""
    quote = "'" if '"' in text and "'" not in text else '"'
    body = "".join(_SHORT.get(c) or (f"\\{c}" if c == quote else _escaped(c)) for c in text)
    return f"{quote}{body}{quote}"


def docstring(text: str, indent: str = "    ") -> str:
    """A docstring literal, its later lines indented; it starts where it is put."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    bodies = [
        "".join("\\\\" if c == "\\" else c if c == "\t" else _escaped(c) for c in line) for line in lines
    ]
    body = "\n".join(f"{indent}{line}" if line and place else line for place, line in enumerate(bodies))
    last = '\\"' if body.endswith('"') else body[-1:]
    body = body[:-1].replace('"""', '\\"\\"\\"') + last
    if len(bodies) > 1:
        return f'"""{body}\n{indent}"""'
    return f'"""{body}"""'


def comment(text: str) -> str:
    """Lines that start with `#`."""
    return "\n".join(f"# {''.join(map(_escaped, line))}".rstrip() for line in text.split("\n"))
