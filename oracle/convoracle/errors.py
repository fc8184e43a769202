"""The one error of the oracle."""


class InvalidProblem(ValueError):  # noqa: N818  it names what is invalid
    """Raised for a problem that the specification gives no meaning to.

    `label` is the clause that it breaks; the message holds the numbers.
    """

    def __init__(self, label: str, message: str) -> None:
        super().__init__(f"[{label}] {message}")
        self.label = label
        self.message = message

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.label, self.message)
