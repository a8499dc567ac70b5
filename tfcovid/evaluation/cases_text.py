def cases_text(level: str, cases: int, patients: int) -> str:
    """How many cases of how many patients: "90 scans of 25 patients", "25 patients".

    A patient with two truths is a case for each, see `Predictions.by_patient`.
    """
    if level != "patient":
        return f"{cases} {level}s of {patients} patients"
    return f"{patients} patients" + (f" ({cases} cases, as some have two truths)" if cases > patients else "")
