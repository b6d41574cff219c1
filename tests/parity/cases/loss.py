"""Losses."""

from typing import Any

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw, Fixed

REDUCTIONS = ("mean", "sum", "none")


def side(draw: Draw) -> tuple[int, ...]:
    return draw.choice([(4,), (3, 2), (2, 3, 2)])


def signs(draw: Draw, *shape: int) -> Fixed:
    return Fixed(np.asarray(2.0 * draw.bools(*shape) - 1))


def options(draw: Draw, **more: Any) -> dict[str, Any]:
    return {"reduction": draw.choice(REDUCTIONS), **more}


def both(module: str, function: str) -> Any:
    """One case for a loss as a module and as a function of the same options."""

    def register(case: Any) -> Any:
        @modules(module)
        def as_module(draw: Draw, name: str) -> ModuleCase:
            inputs, given = case(draw)
            modes = ("train", "eval")
            build = None
            if "weight" in given or "pos_weight" in given:
                build = _with_weights(name, given)
            return ModuleCase((), given, inputs, build=build, modes=modes, text=False)

        @functions(function)
        def as_function(draw: Draw, name: str) -> FunctionCase:
            inputs, given = case(draw)
            return FunctionCase(inputs, given)

        return case

    return register


def _with_weights(name: str, given: dict[str, Any]) -> Any:
    def build(library: Any) -> Any:
        as_tensor = __import__(library.__name__.partition(".")[0]).tensor
        options = {k: as_tensor(v.array) if isinstance(v, Fixed) else v for k, v in given.items()}
        return getattr(library, name)(**options)

    return build


@both("MSELoss", "mse_loss")
def mse(draw: Draw) -> Any:
    shape = side(draw)
    return (draw.array(*shape), draw.array(*shape)), options(draw)


@both("L1Loss", "l1_loss")
def absolute(draw: Draw) -> Any:
    return mse(draw)


@both("HuberLoss", "huber_loss")
def huber(draw: Draw) -> Any:
    shape = side(draw)
    inputs = (2 * draw.array(*shape), draw.array(*shape))
    return inputs, options(draw, delta=draw.choice([0.3, 1.0, 2.0]))


@both("SmoothL1Loss", "smooth_l1_loss")
def smooth(draw: Draw) -> Any:
    shape = side(draw)
    inputs = (2 * draw.array(*shape), draw.array(*shape))
    return inputs, options(draw, beta=draw.choice([0.0, 0.5, 1.0]))


@both("BCELoss", "binary_cross_entropy")
def binary(draw: Draw) -> Any:
    shape = side(draw)
    p, t = draw.array(*shape, low=0.05, high=0.95), draw.array(*shape, low=0.0)
    given = options(draw)
    if draw.boolean():
        given["weight"] = Fixed(draw.array(shape[-1], low=0.5, high=2.0))
    return (p, t), given


@both("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
def binary_logits(draw: Draw) -> Any:
    shape = side(draw)
    inputs = (5 * draw.array(*shape), draw.array(*shape, low=0.0))
    given = options(draw)
    for name in ("weight", "pos_weight"):
        if draw.boolean():
            given[name] = Fixed(draw.array(shape[-1], low=0.5, high=2.0))
    return inputs, given


@both("CrossEntropyLoss", "cross_entropy")
def cross_entropy(draw: Draw) -> Any:
    classes = draw.integer(2, 4)
    batch, more = draw.choice([((), ()), ((3,), ()), ((3,), (2,)), ((2,), (3, 2))])
    x = 3 * draw.array(*batch, classes, *more)
    given = options(draw, label_smoothing=draw.choice([0.0, 0.1, 1.0]))
    if draw.boolean():
        given["weight"] = Fixed(draw.array(classes, low=0.5, high=2.0))
    if draw.boolean():
        t = draw.array(*x.shape, low=0.1)
        return (x, t / t.sum(axis=1 if batch else 0, keepdims=True)), given
    target = draw.integers(*batch, *more, high=classes - 1)
    if batch:
        target.reshape(-1)[0] = 1  # a batch of ignored samples alone is 0 / 0
        given["ignore_index"] = draw.choice([-100, 0])
    return (x, target), given


@both("NLLLoss", "nll_loss")
def likelihood(draw: Draw) -> Any:
    (x, target), given = cross_entropy(draw)
    given.pop("label_smoothing")
    if target.dtype.kind == "f":
        target = np.asarray(target.argmax(axis=1 if target.ndim > 1 else 0))
        target.reshape(-1)[0] = 1
    return (x, target), given


@both("MultiMarginLoss", "multi_margin_loss")
def multi_margin(draw: Draw) -> Any:
    batch = draw.choice([(), (3,)])
    given = options(draw, p=draw.choice([1, 2]), margin=draw.choice([0.5, 1.0]))
    if draw.boolean():
        given["weight"] = Fixed(draw.array(4, low=0.5, high=2.0))
    return (draw.array(*batch, 4), draw.integers(*batch, high=3)), given


@both("MultiLabelMarginLoss", "multilabel_margin_loss")
def multilabel(draw: Draw) -> Any:
    batch = draw.choice([(), (3,)])
    target = np.argsort(draw.rng.random((*batch, 4)), axis=-1)
    for row in target.reshape(-1, 4):
        row[draw.integer(0, 4) :] = -1
    return (draw.array(*batch, 4), target), options(draw)


@both("SoftMarginLoss", "soft_margin_loss")
def soft_margin(draw: Draw) -> Any:
    shape = side(draw)
    return (5 * draw.array(*shape), signs(draw, *shape)), options(draw)


@both("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss")
def multilabel_soft(draw: Draw) -> Any:
    given = options(draw)
    if draw.boolean():
        given["weight"] = Fixed(draw.array(4, low=0.5, high=2.0))
    return (3 * draw.array(3, 4), draw.bools(3, 4).astype(float)), given


@both("HingeEmbeddingLoss", "hinge_embedding_loss")
def hinge(draw: Draw) -> Any:
    shape = side(draw)
    inputs = (draw.array(*shape, low=0.0, high=3.0), signs(draw, *shape))
    return inputs, options(draw, margin=draw.choice([0.5, 1.0]))


@both("MarginRankingLoss", "margin_ranking_loss")
def ranking(draw: Draw) -> Any:
    shape = side(draw)
    inputs = (draw.array(*shape), draw.array(*shape), signs(draw, *shape))
    return inputs, options(draw, margin=draw.choice([0.0, 0.5]))


@both("CosineEmbeddingLoss", "cosine_embedding_loss")
def cosine(draw: Draw) -> Any:
    batch = draw.choice([(), (4,)])
    inputs = (draw.array(*batch, 3), draw.array(*batch, 3), signs(draw, *batch))
    return inputs, options(draw, margin=draw.choice([0.0, 0.3, -0.5]))


@both("TripletMarginLoss", "triplet_margin_loss")
def triplet(draw: Draw) -> Any:
    batch = draw.choice([(), (4,), (2, 3)])
    inputs = tuple(draw.array(*batch, 3) for _ in range(3))
    p = draw.choice([1.0, 2.0, 3.0])
    return inputs, options(draw, margin=draw.choice([0.5, 2.0]), p=p, swap=draw.boolean())


def _distance(a: Any, b: Any) -> Any:
    return ((a - b) ** 2).sum(-1)


@both("TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss")
def triplet_distance(draw: Draw) -> Any:
    inputs = tuple(draw.array(4, 3) for _ in range(3))
    distance = draw.choice([None, _distance])
    return inputs, options(draw, distance_function=distance, swap=draw.boolean())


@both("KLDivLoss", "kl_div")
def divergence(draw: Draw) -> Any:
    shape = side(draw)
    x, t = draw.array(*shape), draw.array(*shape, low=0.05)
    given = {"reduction": draw.choice([*REDUCTIONS, "batchmean"]), "log_target": draw.boolean()}
    return (x, np.log(t) if given["log_target"] else t), given


@both("PoissonNLLLoss", "poisson_nll_loss")
def poisson(draw: Draw) -> Any:
    shape = side(draw)
    given = options(draw, log_input=draw.boolean(), full=draw.boolean())
    x = draw.array(*shape) if given["log_input"] else draw.array(*shape, low=0.1, high=3.0)
    return (x, Fixed(draw.integers(*shape, high=6).astype(float))), given


@both("GaussianNLLLoss", "gaussian_nll_loss")
def gaussian(draw: Draw) -> Any:
    shape = draw.choice([(3, 2), (2, 3, 2)])
    spread = draw.choice([shape, shape[:-1], (*shape[:-1], 1)])
    var = draw.array(*spread, low=0.0, high=2.0)
    inputs = (draw.array(*shape), draw.array(*shape), var)
    return inputs, options(draw, full=draw.boolean(), eps=draw.choice([1e-6, 0.5]))


def ctc_case(draw: Draw) -> Any:
    frames, count, classes = draw.integer(4, 7), draw.integer(1, 3), draw.integer(2, 4)
    x = draw.array(frames, count, classes)
    x = x - np.log(np.exp(x).sum(-1, keepdims=True))
    labels = draw.integers(count, 3, low=1, high=classes - 1)
    lengths = draw.integers(count, low=0, high=3)
    inputs = (x, labels, draw.integers(count, low=1, high=frames), lengths)
    return inputs, options(draw, zero_infinity=draw.boolean())


# PyTorch's gradient is that of log_softmax and the loss together (tests/nn/test_ctc.py compares
# it): for log-probabilities alone it is another one.
@modules("CTCLoss")
def ctc_module(draw: Draw, name: str) -> ModuleCase:
    inputs, given = ctc_case(draw)
    return ModuleCase((), given, inputs, grad=False, text=False)


@functions("ctc_loss")
def ctc_function(draw: Draw, name: str) -> FunctionCase:
    inputs, given = ctc_case(draw)
    return FunctionCase(inputs, given, grad=False)


# ------------------------------------------------------------------------- with a last layer


@modules("LinearCrossEntropyLoss")
def linear_loss(draw: Draw, name: str) -> ModuleCase:
    more = draw.choice([(), (2,)])
    given = options(draw, out_features=more, bias=draw.boolean())
    given["label_smoothing"] = draw.choice([0.0, 0.2])
    return ModuleCase((3, 4), given, (draw.array(5, 3), draw.integers(5, *more, high=3)))


@functions("linear_cross_entropy")
def linear_loss_function(draw: Draw, name: str) -> FunctionCase:
    more = draw.choice([(), (2,)])
    given = options(draw)
    if draw.boolean():
        given["linear_bias"] = draw.array(4, *more)
    target = draw.integers(5, *more, high=3)
    return FunctionCase((draw.array(5, 3), draw.array(4, *more, 3), target), given)


@modules("AdaptiveLogSoftmaxWithLoss")
def adaptive(draw: Draw, name: str) -> ModuleCase:
    cutoffs = draw.choice([[2], [3, 6], [2, 3, 7]])
    given = {"div_value": draw.choice([1.5, 2.0]), "head_bias": draw.boolean()}
    batch = draw.choice([(6,), (2,)])  # PyTorch's answer for one sample loses its axis
    inputs = (draw.array(*batch, 8), draw.integers(*batch, high=9))
    return ModuleCase((8, 10, cutoffs), given, inputs)
