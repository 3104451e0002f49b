"""Settings of a policy as the TOML that the module reads, each on lines of its own: an error tells which it is."""

import json
from collections.abc import Mapping, Sequence


def write(settings: Mapping[str, object]) -> tuple[str, list[str]]:
    """Give the text of a policy file with these settings, and for each of its lines which setting stands there."""
    lines: list[str] = []
    names: list[str] = []
    for name, value in settings.items():
        if name == "rules" and isinstance(value, Sequence) and not isinstance(value, str):
            lines += ["rules = [", *(f"{_value(rule)}," for rule in value), "]"]
            names += ["rules", *(f"rules[{number}]" for number in range(len(value))), "rules"]
        else:
            lines.append(f"{name} = {_value(value)}")
            names.append(name)
    return "\n".join(lines) + "\n", names


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for the one character that TOML wants escaped and JSON does not.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_value(str(key))} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"a policy holds texts, numbers, true, false, lists and mappings, and no {type(value).__name__}")
