"""What pickled objects say of how they are made again."""

from collections.abc import Iterable

from spanwise import _spanwise


def make_again(name: str, method: str, arguments: Iterable[object]) -> object:
    """Give what this method of the class makes of these arguments."""
    return getattr(getattr(_spanwise, name), method)(*arguments)
