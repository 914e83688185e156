"""Compiles the kernels of the GPU for one that is not there; run as a script, since tests interpret them instead."""

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from harness.engine.causal.attention.kernels import _tree
from harness.engine.causal.attention.paged_kernel import _paged
from harness.engine.causal.small_kernels import _gated, _mass

TYPES = {
    **dict.fromkeys(("ENDS", "DEPTHS", "STARTS", "LIST", "TABLE", "LENGTHS"), "*i32"),
    **dict.fromkeys(("MASS", "PREFIX", "LOGITS", "TOP"), "*fp32"),
    **dict.fromkeys(("scale", "cap"), "fp32"),
}
CLAUSES = {"RULED": True, "CAPPED": True, "SUNK": True}
TREE = {"BM": 128, "BN": 64, "LISTED": 128, "OWN": True, "MASSES": True}
WIDTHS = {"GROUP": 4, "WIDTH": 96, "D": 128, "VALUES": 96, "DV": 128}


def size(kernel: Any, constants: dict[str, Any]) -> int:
    """Bytes of machine code."""
    kind = {
        n: "constexpr" if n in constants else TYPES.get(n, "*bf16" if n.isupper() else "i32") for n in kernel.arg_names
    }
    values = {(i,): constants[name] for i, name in enumerate(kernel.arg_names) if name in constants}
    source = ASTSource(fn=kernel, signature=kind, constexprs=values)
    return len(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"])


if __name__ == "__main__":
    print(size(_tree, {**WIDTHS, **CLAUSES, **TREE}))
    print(size(_paged, {**WIDTHS, **CLAUSES, "G": 16, "PAGE": 64, "SHARED": True}))
    print(size(_mass, {"BLOCK": 1024}))
    print(size(_gated, {"BLOCK": 4096}))
