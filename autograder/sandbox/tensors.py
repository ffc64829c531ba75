"""Torch tensors as bytes; torch is imported only when a tensor appears."""

from __future__ import annotations

import sys
from typing import Any

from autograder.sandbox.bounds import EncodeError

ITEMSIZE = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "bfloat16": 2,
    "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def dump(tensor: Any) -> tuple[str, memoryview, tuple[int, ...], bool]:
    """Return a tensor's dtype name, bytes, shape, and whether it is a leaf that wants a gradient."""
    import torch

    plain = tensor.detach().as_subclass(torch.Tensor)
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    plain = plain.cpu().resolve_conj().resolve_neg().contiguous()
    name = str(plain.dtype).removeprefix("torch.")
    if name not in ITEMSIZE:
        raise EncodeError(f"a tensor of dtype {name}, expected bool, int, float or complex")
    data = plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else memoryview(b"")
    return name, data, tuple(plain.shape), bool(tensor.requires_grad)


def load(name: str, content: bytearray, dims: list[int], requires_grad: bool) -> Any:
    """Build a tensor that owns ``content``."""
    import torch

    dtype = getattr(torch, name)
    flat = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(dims)
    if name == "bool":
        tensor = tensor.view(torch.uint8).ne(0)
    return tensor.requires_grad_() if requires_grad and dtype.is_floating_point else tensor
