import pytest

from tfcovid.errors import InputError
from tfcovid.serve.patiently import patiently
from tfcovid.serve.refusals import Busy


def asked(*answers):
    answers = list(answers)

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_a_busy_server_is_asked_again_after_longer_and_longer(without_waiting):
    said = []
    assert patiently(asked(Busy("full"), Busy("full"), 7), 2, said.append) == 7
    assert without_waiting == [1.0, 2.0]
    assert said == ["asking again in 1 s: full", "asking again in 2 s: full"]


def test_the_last_no_says_how_often_it_was_asked():
    with pytest.raises(Busy, match=r"^asked 2 times: full$"):
        patiently(asked(Busy("full"), Busy("full"), 7), 1)
    with pytest.raises(Busy, match=r"^full$"):
        patiently(asked(Busy("full")), 0)


def test_nothing_else_is_tried_again(without_waiting):
    with pytest.raises(InputError, match="wrong"):
        patiently(asked(InputError("wrong"), 7), 5)
    assert without_waiting == []
