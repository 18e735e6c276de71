"""Pulumi plugins, each a folder whose `__main__` the engine starts through an executable `pulumi-resource-NAME`.

They marshal between the engine and the parts that do the work (`orgcal.platforms`, `orgcal.entra`).
"""
