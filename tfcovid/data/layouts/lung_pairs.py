from pathlib import Path

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.data.manifest import Entry
from tfcovid.errors import InputError
from tfcovid.scans.sniff import sniff

# Scans, lungs, lesions, label.
_FOLDERS = (
    ("rp_im", "rp_lung_msk", "rp_msk", "covid"),
    ("images", "masks", None, "unknown"),
    ("2d_images", "2d_masks", None, "unknown"),
)


def lung_pairs(folder: str | Path) -> list[Entry]:
    """CT with lung masks of the same file names, for the lung network of the Attention U-Net system.

    MedSeg's nine volumes: `rp_im/1.nii.gz`, `rp_lung_msk/1.nii.gz` and lesions in `rp_msk/1.nii.gz`; label covid.
    Pairs of single slices: `images/` and `masks/`, as LungSegDB, or `2d_images/` and `2d_masks/`; label unknown, as
    there is no diagnosis. A file is a patient; where several slices of a person are in a folder of pairs, a split by
    patient cannot see it.

    Cite: MedSeg, "COVID-19 CT segmentation dataset", medicalsegmentation.com/covid19, with lung masks by Hofmanninger
    et al., "Automatic lung segmentation in routine imaging is primarily a data diversity problem, not a methodology
    problem", Eur Radiol Exp 4:50 (2020); LungSegDB: ABANet, doi 10.1111/exsy.13625. Licence: MedSeg's segmentations
    may be used freely, with a link; none stated for the images of LungSegDB.

    Raises:
        InputError: no such folder, or no such pair of folders.
    """
    for scans, lungs, lesions, label in _FOLDERS:
        found = find_folder(folder, scans, needed=False)
        if found and (found.parent / lungs).is_dir():
            return [
                Entry(
                    scan,
                    scan.name.split(".")[0],
                    label,
                    lungs=found.parent / lungs / scan.name,
                    lesions=found.parent / lesions / scan.name if lesions else None,
                )
                for scan in sorted(found.iterdir())
                if sniff(scan) in ("image", "nifti")
            ]
    raise InputError(f"{folder}: no pair of folders; expected images/ and masks/, or rp_im/ and rp_lung_msk/.")
