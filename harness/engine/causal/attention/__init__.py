"""How rows of a pass see each other: rules, blocks, kernels."""
