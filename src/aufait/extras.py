"""The extras of the installation: what each is for, and what it brings. ``pyproject.toml`` says the same to pip, with versions."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from aufait.errors import MissingExtraError


class Extra(NamedTuple):
    """One extra.

    Attributes:
        purpose: what it is for, in a few words.
        packages: import name -> name of the distribution.
    """

    purpose: str
    packages: Mapping[str, str]

    @property
    def distributions(self) -> tuple[str, ...]:
        """Names as pip knows them."""
        return tuple(self.packages.values())


EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {
        "parquet": Extra("tables in Parquet format", {"pyarrow": "pyarrow"}),
        "plot": Extra("the timeline picture and its place on the page", {"matplotlib": "matplotlib"}),
        "synth": Extra(
            "rendering of synthetic faces, twins of the data sets",
            {"numba": "numba", "scipy": "scipy", "cv2": "opencv-python-headless", "h5py": "h5py"},
        ),
        "opengl": Extra("synthetic faces drawn on the graphics card", {"moderngl": "moderngl"}),
        "train": Extra(
            "training by recipes", {"lightning": "lightning", "yaml": "pyyaml", "tensorboard": "tensorboard"}
        ),
        "export": Extra(
            "ONNX files of networks", {"onnx": "onnx", "onnxscript": "onnxscript", "onnxruntime": "onnxruntime"}
        ),
        "fast": Extra("networks by ONNX Runtime, quicker on processors", {"onnx": "onnx", "onnxruntime": "onnxruntime"}),
        "openvino": Extra(
            "networks by OpenVINO, quicker on processors, and its format", {"openvino": "openvino", "onnx": "onnx"}
        ),
        "pandas": Extra("results as data frames", {"pandas": "pandas"}),
        "elan": Extra("files of ELAN and Praat", {"pympi": "pympi-ling"}),
        "lsl": Extra("live scores in a Lab Streaming Layer", {"pylsl": "pylsl"}),
        "web": Extra(
            "the studio: a local web app and its API",
            {
                "fastapi": "fastapi", "starlette": "starlette", "pydantic": "pydantic", "uvicorn": "uvicorn",
                "websockets": "websockets", "python_multipart": "python-multipart",
            },
        ),
        "cluster": Extra("work on the machines of a Ray cluster", {"ray": "ray"}),
        "cloud": Extra("videos and results in S3-like storage", {"s3fs": "s3fs"}),
        "hub": Extra("networks on the Hugging Face Hub", {"huggingface_hub": "huggingface_hub"}),
        "timm": Extra("backbones of the timm library", {"timm": "timm"}),
    }
)


def extra_of(package: str) -> str | None:
    """The extra that brings a package, by its import name; None where none does."""
    return next((name for name, extra in EXTRAS.items() if package in extra.packages), None)


def require(feature: str, extra: str, *packages: str) -> None:
    """Import packages, to say at once what is missing.

    Args:
        feature: what they are needed for, as a noun phrase.
        extra: that brings them.
        packages: import names.

    Raises:
        MissingExtraError: one of them is not installed.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"{feature} (package {package})", extra) from error
