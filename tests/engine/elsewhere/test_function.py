"""A function as a model: what tells one from another."""

from collections.abc import Callable

from harness.engine.elsewhere.function import FunctionModel


def saying(word: str) -> Callable[[str], str]:
    return lambda prompt: word


def fingerprint(function: Callable[[str], str]) -> str:
    return str(FunctionModel(function).info.fingerprint["code"])


def test_what_a_function_has_kept_and_what_it_holds_tell_it_from_another() -> None:
    def outer(prompt: str) -> str:
        return max([prompt], key=lambda text: text + "a")

    def other(prompt: str) -> str:
        return max([prompt], key=lambda text: text + "b")

    assert fingerprint(saying("a")) == fingerprint(saying("a")) != fingerprint(saying("b"))
    assert fingerprint(outer) != fingerprint(other)


def test_a_thing_that_is_called_has_no_address_in_its_fingerprint() -> None:
    class Model:
        def __call__(self, prompt: str) -> str:
            return prompt

    assert fingerprint(Model()) == fingerprint(Model()) == "none"
    assert fingerprint(_kept(Model())) == fingerprint(_kept(Model()))


def _kept(model: Callable[[str], str]) -> Callable[[str], str]:
    return lambda prompt: model(prompt.strip())
