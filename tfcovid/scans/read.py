"""The one door for a CT on disk."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans.checks import HU_FLOOR, check_geometry, check_hu, check_upright
from tfcovid.scans.collect import collect
from tfcovid.scans.finding import a_few, check_names, found, stop_on_errors
from tfcovid.scans.loaded import Loaded
from tfcovid.scans.orientation import Frame, spacing_of
from tfcovid.scans.scan import Scan, digest
from tfcovid.scans.sniff import VOLUMES, sniff

ACCEPTED = (
    "a folder of DICOM files, one DICOM file, NIfTI (.nii, .nii.gz), NRRD, MHA, a folder of slice images (PNG, JPEG, "
    "TIFF), one image, or a .zip of one of them"
)

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


def read_scan(
    path: str | Path,
    *,
    series: str | None = None,
    allow: Iterable[str] = (),
    identity: bool = False,
    progress: bool = False,
) -> Scan:
    """Read a chest CT, check it and bring it into the canonical frame (see Scan).

    path: a DICOM folder of any depth, a DICOM file, NIfTI, NRRD, MHA, a folder of slice images, an image, or a zip of
        one of these. Content decides, not the extension.
    series: a Series Instance UID, where the folder holds several; otherwise the axial chest series with most slices.
    allow: names of checks whose errors should not stop the reading (see tfcovid.scans.CHECKS).
    identity: keep the patient's and the study's DICOM fields in `scan.identity`.
    progress: show a bar on standard error when reading takes over two seconds.

    Raises InputError that lists the faults not allowed, or says what was found instead of a scan.
    """
    path = Path(path)
    allow = check_names(allow)
    loaded = _load(path, series, allow, identity, progress)
    frame = Frame.nearest(loaded.values.shape, _sound(loaded.affine, path), loaded.slices_first, loaded.forms)
    values, units = _voxels(loaded, allow)
    loaded.findings += check_geometry(frame)
    stop_on_errors(path, loaded.findings, allow)
    voxels, affine = frame.canonical(values), frame.canonical_affine()
    if units == "HU":
        loaded.findings += check_upright(voxels)
    key = sha256(loaded.uid.encode()).hexdigest()[:16] if loaded.uid else digest(voxels, affine)
    return Scan(
        voxels,
        spacing_of(affine),
        affine,
        units,
        key,
        tuple(loaded.sources),
        tuple(loaded.findings),
        frame,
        loaded.identity if identity else None,
    )


def _load(path: Path, series: str | None, allow: frozenset[str], identity: bool, progress: bool) -> Loaded:
    if not path.exists():
        raise InputError(f"There is no such file or folder. Give {ACCEPTED}. Got: {path}")
    if path.is_file() and sniff(path) == "zip":
        return _load_zip(path, series, allow, identity, progress)
    kinds = collect(path) if path.is_dir() else {sniff(path): [path]}
    volumes = [(kind, file) for kind in VOLUMES for file in kinds.get(kind, ())]
    images = kinds.get("image", [])
    others = kinds.get(None, []) + kinds.get("zip", [])
    if "dicom" in kinds:
        from tfcovid.scans.dicom import read_dicom

        # A slice so damaged that it does not look like DICOM is still a slice that is missing.
        damaged = [file for file in others if _should_be_dicom(file, kinds["dicom"])]
        others = [file for file in others if file not in damaged]
        loaded = read_dicom(path, kinds["dicom"] + damaged, series, allow, identity, progress)
        others += [file for _, file in volumes] + images
    elif series is not None:
        raise InputError(f"{path}: only DICOM has series; leave series= out. Got: series={series!r}")
    elif len(volumes) > 1:
        names = a_few((file.name for _, file in volumes), 10)
        raise InputError(f"{path}: the folder holds {len(volumes)} scans; give one of them. Got: {names}")
    elif volumes:
        loaded = _load_volume(*volumes[0])
        others += images
    elif images:
        from tfcovid.scans.images import read_images

        loaded = read_images(path, images)
    else:
        got = f"no scan, but {a_few(file.name for file in others)}" if others else "an empty folder"
        raise InputError(f"{path}: there is no scan here. Give {ACCEPTED}. Got: {got}")
    if others:
        names = [file.name for file in others]
        loaded.findings.append(found("other-files", f"{len(others)} files are not part of the scan.", names))
    return loaded


def _should_be_dicom(file: Path, dicom: list[Path]) -> bool:
    empty = file.is_file() and not file.stat().st_size
    return file.suffix.lower() in DICOM_SUFFIXES or (empty and any(file.suffix == other.suffix for other in dicom))


def _load_zip(path: Path, series: str | None, allow: frozenset[str], identity: bool, progress: bool) -> Loaded:
    from tfcovid.scans.archive import unpacked

    with unpacked(path) as folder:
        loaded = _load(folder, series, allow, identity, progress)
    loaded.sources = [path]
    return loaded


def _load_volume(kind: str, file: Path) -> Loaded:
    if kind == "nifti":
        from tfcovid.scans.nifti import read_nifti

        return read_nifti(file)
    from tfcovid.scans.itk import read_itk

    return read_itk(file, kind)


def _sound(affine: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(f"{path}: the header's axes do not span a volume; mend it. Got: {affine.tolist()}")
    return affine.astype(np.float64)


def _voxels(loaded: Loaded, allow: frozenset[str]) -> tuple[np.ndarray, str]:
    """int16 HU clipped to -1024 and up, or uint8 as it is; adds to the findings."""
    values = loaded.values
    if not loaded.hu:
        return values, "8-bit"
    if loaded.padded is None:
        values = _whole_hu(loaded)
    if loaded.padded:
        loaded.findings.append(found("padding", "Some values lie below -1024 HU, as outside the scanned field."))
    faults = check_hu(values, loaded.padded)
    loaded.findings += faults
    if faults and "not-hu" in allow and values.min() >= 0 and values.max() <= 255:
        return values.astype(np.uint8), "8-bit"
    return values, "HU"


def _whole_hu(loaded: Loaded) -> np.ndarray:
    values = loaded.values
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=HU_FLOOR - 1.0, posinf=HU_FLOOR - 1.0, neginf=HU_FLOOR - 1.0)
        rounded = np.rint(values)
        if (rounded != values).any():
            loaded.findings.append(found("rounded", f"The file holds {loaded.values.dtype} values."))
        values = rounded
    loaded.padded = bool(values.min() < HU_FLOOR)
    return np.clip(values, HU_FLOOR, np.iinfo(np.int16).max).astype(np.int16)
