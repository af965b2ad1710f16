"""A stand-in for a GPU where there is none: tensors that say they are on "cuda" and are computed by the CPU.

What CUDA refuses is refused here too: an operation on tensors of both sides, NumPy on a tensor that was not brought back.
So tests can walk the paths that only a GPU takes (held images, pinned copies, half precision, fused steps). It says
nothing about speed, memory or rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
CPU, META, CUDA = torch.device("cpu"), torch.device("meta"), torch.device("cuda", 0)
COPIES = {aten.copy_.default, aten._to_copy.default, aten.to.device, aten.to.dtype_layout, aten.to.other, aten.to.dtype}
# an index may lie on the host
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default, aten._unsafe_index.Tensor}
MADE = (torch.tensor, torch.as_tensor, torch.asarray)
# what autocast computes in half precision
HALVED = (torch.conv2d, F.conv2d, F.linear, torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.mm, torch.bmm, torch.einsum)


class OnDevice(torch.Tensor):
    """A tensor "on the GPU"; `held` has its values. To C++ it lies on "meta", which needs no driver, to Python on "cuda:0"."""

    held: torch.Tensor
    made = 0
    device = property(lambda self: CUDA)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]
    is_meta = property(lambda self: False)  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnDevice:
        with torch._C._DisableTorchDispatch(), _disable_current_modes():
            shell = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device=META)
            # keys of the real device, so that autocast for "cuda" takes hold
            made: OnDevice = torch.Tensor._make_subclass(cls, shell, False, device_for_backend_keys=CUDA)  # type: ignore[attr-defined]
        made.held = held
        OnDevice.made += 1
        return made

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *given: Any, **named: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu() first")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves = tree_leaves((args, kwargs))
    on = [x for x in leaves if isinstance(x, OnDevice)]
    if on:
        _refuse_mixed(func, args, [x for x in leaves if isinstance(x, torch.Tensor) and not isinstance(x, OnDevice)])
    if func is aten.is_pinned.default:
        return True
    if func in (aten.pin_memory.default, aten._pin_memory.default):
        return args[0]
    asked = [x for x in leaves if isinstance(x, torch.device)]
    stays = asked[0].type != "cpu" if asked else bool(on)
    a, k = tree_map(_on_host, args), tree_map(_on_host, kwargs)
    out = func(*a, **({**k, "pin_memory": False} if k.get("pin_memory") else k))
    if func is aten.copy_.default:
        return args[0]
    known = {id(x.held): x for x in on}

    def returned(x: Any) -> Any:
        if not isinstance(x, torch.Tensor) or isinstance(x, OnDevice):
            return x
        if id(x) in known:
            return known[id(x)] if stays else x.clone()
        return OnDevice(x) if stays else x

    return tree_map(returned, out)


def _on_host(x: Any) -> Any:
    return x.held if isinstance(x, OnDevice) else CPU if isinstance(x, torch.device) else x


def _refuse_mixed(func: Any, args: Any, host: list[torch.Tensor]) -> None:
    if func in COPIES:
        return
    # a number on the host may go with anything but a list to be joined
    bad = host if func in (aten.cat.default, aten.stack.default) else [x for x in host if x.dim()]
    if func in INDEXED and isinstance(args[0], OnDevice):
        bad = [x for x in bad if not any(x is index for index in args[1])]
    if bad:
        raise RuntimeError(
            f"Expected all tensors to be on the same device: {func} with {[tuple(x.shape) for x in bad]} on cpu and others on cuda:0"
        )


class _Names(TorchFunctionMode):
    """Whoever names "cuda" is sent to "meta", before PyTorch asks the driver for it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.device or "autocast" in getattr(func, "__name__", ""):
            return func(*args, **kwargs)
        if func in MADE and torch.device(kwargs.get("device") or "cpu").type == "cuda":
            return func(*args, **{name: value for name, value in kwargs.items() if name != "device"}).to(META)
        if func in HALVED and torch.is_autocast_enabled("cuda"):
            args, kwargs = tree_map(_halved, args), tree_map(_halved, kwargs)
        return func(*tree_map(_renamed, args), **tree_map(_renamed, kwargs))


def _halved(x: Any) -> Any:
    # C++ sees no CUDA tensor, so autocast has to be played as well
    return x.to(torch.get_autocast_dtype("cuda")) if isinstance(x, torch.Tensor) and x.is_cuda and x.dtype == torch.float32 else x


def _renamed(x: Any) -> Any:
    named = isinstance(x, torch.device) or (isinstance(x, str) and x in ("cuda", "cuda:0"))
    return META if named and torch.device(x).type == "cuda" else x


class _Everything(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


FAKED: dict[str, Any] = {
    "is_available": lambda: True,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "mem_get_info": lambda *_: (1 << 30, 1 << 31),
    "is_bf16_supported": lambda *_, **__: True,
    "get_device_name": lambda *_: "stand-in",
    "set_device": lambda *_: None,
    "synchronize": lambda *_: None,
    "empty_cache": lambda: None,
    "_lazy_init": lambda: None,
}


@contextmanager
def gpu_stand_in() -> Iterator[None]:
    """Within, "cuda" is there. One thread only: PyTorch's modes do not reach others."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    with ExitStack() as stack:
        for name, fake in FAKED.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, fake))
        stack.enter_context(
            mock.patch.object(torch.optim.Optimizer, "_accelerator_graph_capture_health_check", lambda _: None, create=True)
        )
        stack.enter_context(_Names())
        stack.enter_context(_Everything())
        try:
            yield
        finally:
            torch.__future__.set_swap_module_params_on_conversion(before)
