import sys
from types import ModuleType


def quiet_openvino() -> ModuleType:
    """OpenVINO, imported without its telemetry.

    That tells its makers over the network of every import and conversion unless somebody has opted out, and a
    hospital's computer tells nobody anything unasked. Where the telemetry cannot be imported OpenVINO does without.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
