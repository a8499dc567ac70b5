"""What asking a server costs by REST and by gRPC: a scan of 148 x 512 x 512 sent, an answer with a lesion map read.

    python benchmarks/serving.py [--slices 148] [--size 512] [--map 64]

The servers are the doubles of `tests/serve`, in this process, which take the request and answer at once with what was
made before: the times are those of the client and of the way through the machine, without the network and without what
TF Serving does with a request. Each is the best of three.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictResponse

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tests.serve.served_double import Served
from tests.serve.tiny_model import TinyModel
from tfcovid.serve import Address, ServedModel
from tfcovid.serve.json_pieces import json_pieces
from tfcovid.serve.signature import Tensor


def answer(slices: int, side: int) -> dict[str, np.ndarray]:
    """Of a scan all of whose slices were read, with a map of random numbers."""
    rng = np.random.default_rng(0)
    share = rng.random((slices, 2), np.float32)
    return {
        "label": np.int32(1),
        "probabilities": share[0],
        "by_window": share[:1],
        "index": np.arange(slices, dtype=np.int32),
        "slice_probabilities": share,
        "lesion_probabilities": share[:, 0],
        "lesion_map": rng.random((slices, side, side), np.float32),
        "boxes": np.ones((slices, 4), np.int32),
        "without_lung": np.zeros(slices, bool),
    }


def asked(url: str) -> ServedModel:
    """`TinyModel`, with a map of any size."""
    model = ServedModel(url, "tiny")
    model.signatures["scan"].outputs["lesion_map"] = Tensor("DT_FLOAT", (None, None, None))
    return model


def best(what: Callable) -> float:
    times = []
    for _ in range(3):
        started = perf_counter()
        what()
        times.append(perf_counter() - started)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=148)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--map", type=int, default=64, help="Side of the lesion map.")
    arguments = parser.parse_args()
    shape = arguments.slices, arguments.size, arguments.size
    hu = np.random.default_rng(1).integers(-1024, 1500, shape, np.int16)
    made = answer(arguments.slices, arguments.map)
    content = json.dumps({"outputs": {name: value.tolist() for name, value in made.items()}}).encode()
    response = PredictResponse()
    for name, value in made.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))

    print("| | request, MB | answer, MB | there and back, s |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        TinyModel().save(Path(folder) / "1")
        served = Served("tiny", Path(folder) / "1")
        served.predict = lambda request: response
        with rest_double(served) as url, rest_double(served, content) as at_once:
            model = asked(url)
            model.server.address = Address.parse(at_once)
            seconds = best(lambda: model.ask("scan", {"hu": hu}))
            print(f"| REST | {json_pieces(hu)[0] / 1e6:.0f} | {len(content) / 1e6:.1f} | {seconds:.2f} |")
        with grpc_double(served) as url:
            model = asked(url)
            seconds = best(lambda: model.ask("scan", {"hu": hu}))
            print(f"| gRPC | {hu.nbytes / 1e6:.0f} | {response.ByteSize() / 1e6:.1f} | {seconds:.2f} |")
    few = hu[:: max(1, len(hu) // 10)]
    plain = best(lambda: json.dumps(few.tolist()).encode())
    pieces = best(lambda: [len(piece) for piece in json_pieces(few)[1]])
    print(f"\nJSON of {len(few)} slices: {pieces * 1000:.0f} ms, by json.dumps {plain * 1000:.0f} ms")


if __name__ == "__main__":
    main()
