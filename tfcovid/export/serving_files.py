import re
from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.into_place import into_place

IMAGE = "tensorflow/serving:2.21.0"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")

_MODELS = """\
# What the server serves: the highest version below /models/NAME. Read by --model_config_file.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""

_BATCHING = """\
# How requests are joined, read by --batching_parameters_file of the server for slices, and of no other: TF Serving
# joins the requests of every signature along their first axis, and the slices of two patients are no scan.

# Slices that are read at once. A request with more is refused, as a scan sent here by mistake mostly is.
max_batch_size { value: 32 }
enable_large_batch_splitting { value: false }
# How long the first slice waits for others, microseconds.
batch_timeout_micros { value: 5000 }
# Batches at once, and those that wait; beyond them a request is told that the server is busy.
num_batch_threads { value: 2 }
max_enqueued_batches { value: 64 }
# Slices of other sizes are not filled up: 0 would be water. A batch with slices of two sizes is refused.
pad_variable_length_inputs: false
"""

_COMPOSE = """\
# docker compose up                    scans and slices: gRPC 127.0.0.1:8500, REST 127.0.0.1:8501
# docker compose --profile slices up   besides, slices of one size, joined into batches: 127.0.0.1:8510 and 8511
# TF Serving asks nobody who they are: leave it on 127.0.0.1, or put what does before it.
services:
  scans:
    image: {image}
    entrypoint: [tensorflow_model_server]
    command:
      - --port=8500
      - --rest_api_port=8501
      - --rest_api_timeout_in_ms=600000
      - --model_config_file=/models/models.config
    ports: ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    volumes: [".:/models:ro"]
  slices:
    image: {image}
    profiles: [slices]
    entrypoint: [tensorflow_model_server]
    command:
      - --port=8500
      - --rest_api_port=8501
      - --rest_api_timeout_in_ms=600000
      - --model_config_file=/models/models.config
      - --enable_batching
      - --batching_parameters_file=/models/batching.config
      # Among the requests that warm the model up are scans, which fail where requests are joined.
      - --enable_model_warmup=false
    ports: ["127.0.0.1:8510:8500", "127.0.0.1:8511:8501"]
    volumes: [".:/models:ro"]
"""


def write_serving_files(folder: str | Path, name: str) -> None:
    """Writes `models.config`, `batching.config` and `compose.yaml` beside a model, for TF Serving's public image.

    Two servers, since joining requests is right for slices and wrong for scans: see `docs/serving.md`.

    Args:
        folder: that holds NAME/1/saved_model.pb; mounted as /models.
        name: of the model, as clients ask for it.

    Raises:
        InputError: a name that cannot stand in the path of a URL as it is.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"name: letters, digits, '_', '.' and '-' make the name of a served model. Received: {name!r}")
    files = {
        "models.config": _MODELS.format(name=name),
        "batching.config": _BATCHING,
        "compose.yaml": _COMPOSE.format(image=IMAGE),
    }
    for file, text in files.items():
        into_place(Path(folder) / file, lambda path, text=text: path.write_text(text, encoding="utf-8"))
