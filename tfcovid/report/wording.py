from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfcovid.inference.diagnosis import Diagnosis


@dataclass(frozen=True)
class Wording:
    """What the numbers of a diagnosis are called: not every system finds lesions, or gives probabilities.

    Attributes:
        sign: whose probability that of a slice is: "lesion", or without a network that learnt lesions a label.
        shown: the same in a sentence.
        map: name of its map.
        measure: what the numbers of the scan are.
        rule: when a label is called, where that is not by the largest number; a sentence or "".
    """

    sign: str
    shown: str
    map: str
    measure: str
    rule: str

    @classmethod
    def of(cls, diagnosis: "Diagnosis") -> "Wording":
        labels, settings = diagnosis.labels, diagnosis.settings
        sign = "lesion" if diagnosis.finds_lesions else labels[1] if len(labels) == 2 else f"any label but {labels[0]}"
        shown, map_ = ("a lesion", "Lesion map") if diagnosis.finds_lesions else (sign, f"Map of {sign}")
        measure, rule, net = "Probability", "", settings["patient_net"]
        if net["kind"] == "nonparametric":
            measure = "Share of slices"
            rule = f"{labels[0]} is called above a share of {net['threshold']:g}, else what most slices show."
        elif len(labels) == 2 and settings["threshold"] != 0.5:
            rule = f"{labels[1]} is called from {settings['threshold']:g} on."
        return cls(sign, shown, map_, measure, rule)
