import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import SPLITS, Entry, read_table
from tfcovid.errors import InputError
from tfcovid.scans.sniff import sniff

_LABELS = {"COVID": "covid", "NonCOVID": "non-covid"}
_XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def covid_ct(folder: str | Path) -> list[Entry]:
    """COVID-CT: one slice a file in `CT_COVID/` and `CT_NonCOVID/`, the official splits in `Data-split/`.

    Each list that is there (`trainCT_COVID.txt`, `valCT_NonCOVID.txt`, ...) is taken whole, so that a file it names
    but the folder lacks is an entry without its scan; images on no list are left out. Without any list all images
    are taken, without splits. `COVID-CT-MetaInfo.xlsx` and `NonCOVID-CT-MetaInfo.csv` say which patient an image
    shows. Labels: covid, non-covid.

    Cite: Zhao, Zhang, He, Xie, "COVID-CT-Dataset: a CT scan dataset about COVID-19", arXiv:2003.13865 (2020).
    Licence: none stated; "all copyrights of the data belong to the authors and publishers" of the papers that the
    images are from.

    Raises:
        InputError: no such folders, or an image that the tables of patients do not name.
    """
    folder = Path(folder)
    entries = []
    for name, label in _LABELS.items():
        images = find_folder(folder, f"CT_{name}")
        patients = _patients(folder, name)
        lists = {split: _one(folder, f"{split}CT_{name}.txt") for split in SPLITS}
        names = [(line, split) for split, path in lists.items() if path for line in _lines(path)]
        if not names:
            names = [(path.name, None) for path in sorted(images.iterdir()) if sniff(path) == "image"]
        unknown = [image for image, _ in names if image not in patients]
        if unknown:
            raise InputError(f"{folder}: {name}-CT-MetaInfo names no patient of {len(unknown)} images: {unknown[:5]}")
        entries += [Entry(images / image, f"{name} {patients[image]}", label, split) for image, split in names]
    return entries


def _one(folder: Path, name: str) -> Path | None:
    return min(folder.rglob(name), default=None, key=lambda path: (len(path.parts), path))


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _patients(folder: Path, name: str) -> dict[str, str]:
    """Image -> patient, of the table that is there for this label."""
    if sheet := _one(folder, f"{name}-CT-MetaInfo.xlsx"):
        return {row["A"]: row["B"] for row in _sheet(sheet) if {"A", "B"} <= row.keys()}
    if table := _one(folder, f"{name}-CT-MetaInfo.csv"):
        return {row["image name"]: row["patient id"] for row in read_table(table)}
    raise InputError(
        f"{folder}: no {name}-CT-MetaInfo.csv or .xlsx, which says who is on which image; it is in the root of the "
        "data set's repository."
    )


def _sheet(path: Path) -> list[dict[str, str]]:
    """Rows of an Excel workbook's first sheet, by the letters of the columns."""
    try:
        with zipfile.ZipFile(path) as book:
            shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
            sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise InputError(f"{path}: not readable as an Excel workbook: {error}") from error
    words = ["".join(text.text or "" for text in item.iter(f"{_XML}t")) for item in shared]
    rows = []
    for row in sheet.iter(f"{_XML}row"):
        cells = {}
        for cell in row:
            value = cell.findtext(f"{_XML}v")
            if value is not None:
                column = re.match("[A-Z]+", cell.get("r", "?"))
                cells[column.group() if column else ""] = words[int(value)] if cell.get("t") == "s" else value
        rows.append(cells)
    return rows
