from tfcovid.scans import Scan


def side_marks(scan: Scan) -> tuple[str, str]:
    """What stands at the left and the right edge of its slices: "R" and "L", in doubt where the file does not say."""
    doubt = "?" if any(finding.name == "no-orientation" for finding in scan.findings) else ""
    return f"R{doubt}", f"L{doubt}"
