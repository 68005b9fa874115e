"""Networks for use without aufait: ``torch.export`` programs and ONNX files, each compared with the network it came from."""

from __future__ import annotations

from aufait.export.contract import ExportReport, TensorOutputs
from aufait.export.onnx import export_onnx
from aufait.export.torch_program import export_torch

__all__ = ["ExportReport", "TensorOutputs", "export_onnx", "export_torch"]
