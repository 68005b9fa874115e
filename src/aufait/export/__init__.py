"""Networks for use without aufait: as ``torch.export`` programs, for ONNX and for OpenVINO, compared with where they came from."""

from __future__ import annotations

from aufait.export.contract import ExportReport, TensorOutputs
from aufait.export.eight_bits import export_int8
from aufait.export.onnx import export_onnx
from aufait.export.openvino import export_openvino
from aufait.export.torch_program import export_torch

__all__ = ["ExportReport", "TensorOutputs", "export_int8", "export_onnx", "export_openvino", "export_torch"]
