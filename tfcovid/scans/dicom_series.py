"""Which of a folder's series is the scan."""

from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.scans.dicom_header import CT_CLASSES, DicomSlice
from tfcovid.scans.finding import Finding, a_few, found

CHEST = ("CHEST", "THORAX", "THORAC", "LUNG", "PULMO")
ELSEWHERE = ("HEAD", "BRAIN", "NECK", "ABDOMEN", "PELVIS", "KNEE", "LSPINE", "EXTREMITY")


def choose_series(slices: list[DicomSlice], series: str | None, path: Path) -> tuple[list[DicomSlice], list[Finding]]:
    """The slices of the axial chest CT series with most of them, or of the series asked for; localisers and second
    copies of a slice left out.

    Raises InputError if there is no such series.
    """
    findings: list[Finding] = []
    slices = _without_copies(slices, findings)
    groups: dict[str, list[DicomSlice]] = {}
    for slice_ in slices:
        groups.setdefault(slice_.file.series, []).append(slice_)
    if series is None:
        chosen = max(groups, key=lambda uid: _worth(groups[uid]))
        patients = len({slice_.file.patient for slice_ in slices})
        if patients > 1:
            findings.append(found("several-patients", f"The folder holds {patients} patients."))
        if len(groups) > 1:
            # Counts only: a UID can hold the date of the study, and findings are kept.
            others = a_few(str(len(group)) for uid, group in sorted(groups.items()) if uid != chosen)
            message = f"Of {len(groups)} series the one of {len(groups[chosen])} slices was read; others have {others}."
            findings.append(found("several-series", message))
    elif series in groups:
        chosen = series
    else:
        listing = ", ".join(f"{uid or 'no UID'} ({len(group)} slices)" for uid, group in sorted(groups.items()))
        raise InputError(f"{path}: there is no such series; choose one of {listing}. Got: series={series!r}")
    kept = _without_localisers(groups[chosen], findings)
    if not _is_ct(kept[0]):
        modality = kept[0].file.modality or kept[0].file.sop_class or "not stated"
        findings.append(found("not-ct", f"Its modality is {modality}."))
    return kept, findings


def _is_ct(slice_: DicomSlice) -> bool:
    return slice_.file.modality == "CT" or (not slice_.file.modality and slice_.file.sop_class in CT_CLASSES)


def _worth(group: list[DicomSlice]) -> tuple:
    """What speaks for a series, the strongest first; the series number only settles a tie."""
    kept = [slice_ for slice_ in group if not slice_.file.localiser]
    if not kept:
        return (False,)
    first = kept[0]
    words = first.file.body_part
    chest = 1 if any(word in words for word in CHEST) else -1 if any(word in words for word in ELSEWHERE) else 0
    grey_ct = _is_ct(first) and first.file.samples == 1
    return (True, grey_ct, abs(first.normal[2]) > 0.7, chest, len(kept), -first.file.series_number)


def _without_copies(slices: list[DicomSlice], findings: list[Finding]) -> list[DicomSlice]:
    kept: dict[tuple[str, int], DicomSlice] = {}
    copies = []
    for slice_ in slices:
        if kept.setdefault((slice_.file.sop, slice_.frame), slice_) is not slice_:
            copies.append(slice_.file.path.name)
    if copies:
        findings.append(found("repeated-files", f"{len(copies)} files hold a slice of another file.", copies))
    return list(kept.values())


def _without_localisers(slices: list[DicomSlice], findings: list[Finding]) -> list[DicomSlice]:
    kept = [slice_ for slice_ in slices if not slice_.file.localiser]
    scouts = [slice_.file.path.name for slice_ in slices if slice_.file.localiser]
    if scouts and kept:
        findings.append(found("localiser", f"The series holds {len(scouts)} localiser images.", scouts))
    return kept or slices
