"""Operations without a converter, each with the reason: ONNX has no operator for it."""

from __future__ import annotations

__all__ = ["RANDOM", "WITHOUT"]

RANDOM = "draws random numbers"
_RULE = "belongs to a rule of derivatives; a model that is run needs none"
_ALGEBRA = "ONNX has no linear algebra but products and determinants"
_SPECIAL = "a special function that ONNX does not have"
_DATA = "its result's shape depends on the numbers"
_NAN = "ONNX has no reductions that pass over NaN"

WITHOUT: dict[str, str] = {
    **dict.fromkeys(("keep_mask", "noise"), RANDOM),
    **dict.fromkeys(
        (
            "attention_slope", "convolution_weight", "gelu_slope", "last_writers", "place",
            "pool_pick", "pool_place", "pool_spread", "resample_back", "self_attention_slope",
            "sinc_derivative", "_row_slopes", "_standardize_slope", "sum_to", "uncontract",
            "unslice", "_last_record", "_lstm_slope",
        ),
        _RULE,
    ),
    **dict.fromkeys(
        (
            "cholesky_lower", "cofactors", "eigh_packed", "expm", "expm_along", "eye_like", "inv",
            "log_abs_det", "matrix_rank", "pinv", "qr_packed", "sign_det", "solve", "svd_packed",
        ),
        _ALGEBRA,
    ),
    **dict.fromkeys(
        ("erfcx", "erfinv", "i0", "i1", "lgamma", "log_ndtr", "ndtri", "psi"), _SPECIAL
    ),
    **dict.fromkeys(("_counted", "_first_places"), _DATA),
    **dict.fromkeys(("nanargmax", "nanargmin", "_places"), _NAN),
    **dict.fromkeys(("_all_close", "_all_equal"), "compares arrays, in tests of numbers"),
    **dict.fromkeys(("cummax", "cummin", "cumprod"), "of running reductions ONNX has sums alone"),
    **dict.fromkeys(("copysign", "signbit"), "ONNX does not tell -0 from 0"),
    **dict.fromkeys(("_numbered",), "chooses among arrays by numbers: write it with where"),
    "_lstm_rows": "sequences of different lengths; pass a padded batch, and mask its results",
    "unwrap": "goes on from one number to the next",
}  # fmt: skip
"""By the key of the operation: why it has no converter."""
