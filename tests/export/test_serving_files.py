import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tfcovid.errors import InputError
from tfcovid.export.serving_files import write_serving_files

# Of session_bundle_config.proto, which the package tensorflow-serving-api leaves out. A field that the server does not
# know would keep it from starting.
_WRAPPED = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
    "enable_large_batch_splitting": "BoolValue",
    "max_execution_batch_size": "Int64Value",
}


def batching_parameters():
    """The message BatchingParameters, empty."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="serving", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, kind) in enumerate(_WRAPPED.items(), 1):
        message.field.add(name=name, number=number, type=11, label=1, type_name=f".google.protobuf.{kind}")
    message.field.add(name="allowed_batch_sizes", number=20, type=3, label=3)
    message.field.add(name="pad_variable_length_inputs", number=21, type=8, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.BatchingParameters"))()


@pytest.fixture
def files(tmp_path):
    write_serving_files(tmp_path, "m3lung-v2")
    assert {path.name for path in tmp_path.iterdir()} == {"models.config", "batching.config", "compose.yaml"}
    return tmp_path


def test_the_server_reads_which_model_it_serves(files):
    config = text_format.Parse((files / "models.config").read_text(), ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("m3lung-v2", "/models/m3lung-v2", "tensorflow")


def test_batches_are_of_whole_requests_and_nothing_is_filled_up(files):
    found = text_format.Parse((files / "batching.config").read_text(), batching_parameters())
    assert not found.pad_variable_length_inputs and not found.allowed_batch_sizes
    assert found.HasField("enable_large_batch_splitting") and not found.enable_large_batch_splitting.value
    assert found.max_batch_size.value == 32 and found.num_batch_threads.value == 2


def test_the_containers_listen_here_alone_and_only_one_joins_requests(files):
    services = yaml.safe_load((files / "compose.yaml").read_text())["services"]
    assert set(services) == {"scans", "slices"}
    ports = [port for one in services.values() for port in one["ports"]]
    expected = (8500, 8500), (8501, 8501), (8510, 8500), (8511, 8501)
    assert ports == [f"127.0.0.1:{outside}:{inside}" for outside, inside in expected]
    for name, one in services.items():
        assert one["image"] == "tensorflow/serving:2.21.0" and one["volumes"] == [".:/models:ro"]
        flags = dict(word.removeprefix("--").partition("=")[::2] for word in one["command"])
        assert flags["model_config_file"] == "/models/models.config" and int(flags["rest_api_timeout_in_ms"]) == 600_000
        assert ("enable_batching" in flags) == ("batching_parameters_file" in flags) == (name == "slices")
    # Requests that warm up are scans too: where requests are joined they fail, and with them the load of the model.
    assert "--enable_model_warmup=false" in services["slices"]["command"]
    assert services["slices"]["profiles"] == ["slices"] and "profiles" not in services["scans"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", 'a"', "a:b", "ä"])
def test_a_name_that_cannot_stand_in_a_url(tmp_path, name):
    with pytest.raises(InputError, match=r"name: .*Received: "):
        write_serving_files(tmp_path, name)
    assert not list(tmp_path.iterdir())
