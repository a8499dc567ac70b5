from collections import Counter, defaultdict
from collections.abc import Collection
from posixpath import normpath


def same_ends(ours: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Our names of files -> their names of the same, where the two write them from different folders.

    Two names are the same where they are equal, or one is the end of the other, folder by folder. Where no two are,
    the names may begin in different folders: one folder of ours must then stand for one of theirs in all of our names
    or all of theirs, and the folder next to a file be the same. A name that suits several is left out.
    """
    known = set(theirs)
    found = {name: name for name in ours if name in known}
    left, right = ({name: _parts(name) for name in names if name not in found} for names in (ours, theirs))
    ends, whole = defaultdict(list), defaultdict(list)
    for name, parts in right.items():
        whole[parts].append(name)
        for n in range(len(parts)):
            ends[parts[n:]].append(name)
    for name, parts in left.items():
        # Those that are as long or longer, and those that are shorter.
        suits = [*ends.get(parts, ()), *(other for n in range(1, len(parts)) for other in whole.get(parts[n:], ()))]
        if len(suits) == 1:
            found[name] = suits[0]
    times = Counter(found.values())
    found = {name: other for name, other in found.items() if times[other] == 1}
    return found or _moved(left, ends, {parts: names[0] for parts, names in whole.items() if len(names) == 1})


def _moved(left: dict[str, tuple], ends: dict[tuple, list[str]], whole: dict[tuple, str]) -> dict[str, str]:
    """Names whose first folders, one for all, stand for others."""
    first, ways = next(iter(left.values()), ()), []
    for other in ends.get(first[-2:], ()) if len(first) > 1 else ():
        parts = _parts(other)
        same = next((n for n, (a, b) in enumerate(zip(first[::-1], parts[::-1], strict=False)) if a != b), 0)
        old, new = first[:-same], parts[:-same]
        moved = {name: new + one[len(old) :] for name, one in left.items() if one[: len(old)] == old}
        found = {name: whole[one] for name, one in moved.items() if one in whole}
        if len(found) in (len(left), len(whole)) and found not in ways:
            ways.append(found)
    return ways[0] if len(ways) == 1 else {}


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in normpath(name.replace("\\", "/")).split("/") if part not in ("", "."))
