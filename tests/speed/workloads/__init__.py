"""The benchmarks, in the order of the table."""

from tests.speed.workload import Workload
from tests.speed.workloads.curvature import HESSIAN, HVP
from tests.speed.workloads.elementwise import ELEMENTWISE
from tests.speed.workloads.imports import IMPORTS
from tests.speed.workloads.lenet import LENET
from tests.speed.workloads.lstm import LSTM
from tests.speed.workloads.moons import MOONS
from tests.speed.workloads.network import NETWORK
from tests.speed.workloads.scalars import SCALARS
from tests.speed.workloads.traces import TRACES
from tests.speed.workloads.transformer import TRANSFORMER
from tests.speed.workloads.wide import WIDE

WORKLOADS: dict[str, Workload] = {
    w.key: w
    for w in (
        ELEMENTWISE,
        NETWORK,
        WIDE,
        LENET,
        TRANSFORMER,
        LSTM,
        MOONS,
        SCALARS,
        TRACES,
        IMPORTS,
        HESSIAN,
        HVP,
    )
}
