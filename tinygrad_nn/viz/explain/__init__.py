"""Why a number has the gradient that it has: paths, factors and formulas.

What is where:

    why.py       `explain`: puts the question to a trace or to a graph
    asked.py     which node and element the question is about
    net.py       what lies between a number and the root
    search.py    the largest of very many paths
    notes.py     why it is 0, where a NaN came from
    formula.py   the formula of the value and of the derivative
    result.py    `Explanation`; page.py: the same as HTML
"""

from tinygrad_nn.viz.explain.result import Explanation as Explanation
from tinygrad_nn.viz.explain.why import explain as explain
