"""Gradients checked against the slopes of their functions."""

from tinygrad_nn.testing.check import gradcheck as gradcheck
from tinygrad_nn.testing.reports.report import GradcheckError as GradcheckError
from tinygrad_nn.testing.reports.report import Report as Report
from tinygrad_nn.testing.verdicts import Element as Element
from tinygrad_nn.testing.verdicts import Law as Law
from tinygrad_nn.testing.verdicts import Verdict as Verdict
