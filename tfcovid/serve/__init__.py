"""Asking a TF Serving that serves an export, by REST or gRPC; nothing here imports TensorFlow for REST."""

from tfcovid.serve.address import Address
from tfcovid.serve.answer import ANSWER_FILES, Answer
from tfcovid.serve.ask_scan import ask_scan
from tfcovid.serve.read_export import Export, read_export
from tfcovid.serve.served_model import ServedModel

__all__ = ["ANSWER_FILES", "Address", "Answer", "Export", "ServedModel", "ask_scan", "read_export"]
