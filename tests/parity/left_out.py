"""What torch.nn has and this library has not, each with its reason.

A name that stands neither here nor in the library fails the suite; so does one in both.
"""

_LAZY = "lazy modules guess sizes from the first batch: give the sizes"
_DEVICES = "for several devices"
_INTERNAL = "PyTorch's own machinery"
_IN_PLACE = "writes into its input: the plain form gives the same numbers in a new tensor"
_LOW = "a product in a number format that NumPy does not have"

MODULES: dict[str, str] = {
    "Container": "deprecated in PyTorch for Module",
    "CrossMapLRN2d": "the legacy form of LocalResponseNorm",
    "DataParallel": _DEVICES,
    "SyncBatchNorm": _DEVICES,
    "UninitializedBuffer": _LAZY,
    "UninitializedParameter": _LAZY,
    "NLLLoss2d": "deprecated in PyTorch for NLLLoss",
    "Buffer": "register_buffer says it",
    "RNNBase": _INTERNAL,
    "RNNCellBase": _INTERNAL,
    **{f"LazyBatchNorm{n}d": _LAZY for n in (1, 2, 3)},
    **{f"LazyConv{n}d": _LAZY for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d": _LAZY for n in (1, 2, 3)},
    **{f"LazyInstanceNorm{n}d": _LAZY for n in (1, 2, 3)},
    "LazyLinear": _LAZY,
}

FUNCTIONS: dict[str, str] = {
    "Callable": _INTERNAL,
    "DType": _INTERNAL,
    "ScalingType": _INTERNAL,
    "SwizzleType": _INTERNAL,
    "Tensor": _INTERNAL,
    "assert_int_or_pair": _INTERNAL,
    "boolean_dispatch": _INTERNAL,
    "handle_torch_function": _INTERNAL,
    "has_torch_function": _INTERNAL,
    "has_torch_function_unary": _INTERNAL,
    "has_torch_function_variadic": _INTERNAL,
    "native_channel_shuffle": _INTERNAL,
    **{
        f"{name}_": _IN_PLACE
        for name in ("celu", "elu", "hardtanh", "leaky_relu", "relu", "rrelu", "selu", "threshold")
    },
    "grouped_mm": _LOW,
    "scaled_grouped_mm": _LOW,
    "scaled_mm": _LOW,
}

ARGUMENTS: dict[str, str] = {
    "size_average": "deprecated in PyTorch; `reduction` says it",
    "reduce": "deprecated in PyTorch; `reduction` says it",
    "device": "by keyword only: nn.factory.Factory",
    "dtype": "by keyword only: nn.factory.Factory",
    "_stacklevel": "where PyTorch's warning points to",
    "_weight": "private in PyTorch",
    "_freeze": "private in PyTorch",
}
"""Arguments that are not compared, whatever the signature."""
