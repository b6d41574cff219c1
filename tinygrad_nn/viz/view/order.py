"""Orders of parts: sorted so that every edge runs onward, and cut where none can be."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

__all__ = ["cycles", "onward"]


def onward(count: int, edges: set[tuple[int, int]], first: Sequence[int]) -> list[int]:
    """Parts so that edges run onward, those with a small `first` early; cyclic ones are missing."""
    users: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in edges:
        users[a].append(b)
        waiting[b] += 1
    ready = [(first[i], i) for i in range(count) if not waiting[i]]
    heapify(ready)
    found = []
    while ready:
        _, i = heappop(ready)
        found.append(i)
        for j in users[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heappush(ready, (first[j], j))
    return found


def cycles(count: int, edges: set[tuple[int, int]]) -> list[list[int]]:
    """Sets of two or more parts each of which leads to all others of its set (Tarjan 1972)."""
    users: list[list[int]] = [[] for _ in range(count)]
    for a, b in sorted(edges):
        users[a].append(b)
    index, low = [-1] * count, [0] * count
    held = [False] * count
    stack: list[int] = []
    found: list[list[int]] = []
    place = [0] * count
    counter = 0
    for start in range(count):
        if index[start] >= 0:
            continue
        work = [(start, 0)]
        while work:
            i, at = work.pop()
            if at == 0:
                index[i] = low[i] = counter
                counter += 1
                place[i] = len(stack)
                stack.append(i)
                held[i] = True
            else:
                low[i] = min(low[i], low[users[i][at - 1]])
            while at < len(users[i]) and index[users[i][at]] >= 0:
                if held[users[i][at]]:
                    low[i] = min(low[i], index[users[i][at]])
                at += 1
            if at < len(users[i]):
                work += [(i, at + 1), (users[i][at], 0)]
                continue
            if low[i] == index[i]:
                one = stack[place[i] :]
                del stack[place[i] :]
                for j in one:
                    held[j] = False
                if len(one) > 1:
                    found.append(sorted(one))
    return found
