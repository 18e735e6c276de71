from __future__ import annotations


class ConsentRoutes:
    def __init__(self, *a): pass
    def routes(self): return []
