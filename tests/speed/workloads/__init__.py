"""The benchmarks, in the order of the table."""

from tests.speed.threads import at_two_threads
from tests.speed.workload import Workload
from tests.speed.workloads.curvature import HESSIAN, HVP
from tests.speed.workloads.elementwise import ELEMENTWISE
from tests.speed.workloads.first import FIRST
from tests.speed.workloads.imports import IMPORTS
from tests.speed.workloads.inference import INFERENCE
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
        INFERENCE,
        WIDE,
        LENET,
        TRANSFORMER,
        LSTM,
        *map(at_two_threads, (WIDE, LENET, TRANSFORMER, LSTM)),
        HESSIAN,
        HVP,
        FIRST,
        MOONS,
        SCALARS,
        TRACES,
        IMPORTS,
    )
}
