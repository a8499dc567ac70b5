def label_text(name: str, width: int = 34) -> str:
    r"""A name from a user as matplotlib shall draw it: cut, and as it stands.

    matplotlib reads what is between two $ as a formula, which it may not understand, and leaves what begins with _ out
    of legends; \$ and a space before keep it from both.
    """
    name = " ".join(name.split())
    if len(name) > width:
        name = name[: width - 3] + "..."
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")
