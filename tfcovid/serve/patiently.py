from collections.abc import Callable
from time import sleep
from typing import TypeVar

from tfcovid.serve.refusals import Busy

_Answer = TypeVar("_Answer")


def patiently(
    ask: Callable[[], _Answer], retries: int, say: Callable[[str], object] = lambda _: None, pause: float = 1.0
) -> _Answer:
    """What `ask` returns; where it is told to wait, it asks again.

    Args:
        ask: raises `Busy` where another try is safe and sensible. Anything else ends the tries.
        retries: tries after the first.
        say: is told why and how long it waits.
        pause: seconds before the second try; doubled before each further one.

    Raises:
        Busy: of the last try, with how many there were.
    """
    for n in range(retries):
        try:
            return ask()
        except Busy as busy:
            seconds = pause * 2**n
            say(f"asking again in {seconds:g} s: {busy}")
            sleep(seconds)
    try:
        return ask()
    except Busy as busy:
        raise Busy(f"asked {retries + 1} times: {busy}" if retries else str(busy)) from None
