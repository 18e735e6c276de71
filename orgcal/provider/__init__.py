"""Pulumi plugins, each a folder with an executable `pulumi-resource-NAME` that the engine starts.

They marshal between the engine and the parts that do the work (`orgcal.platforms`, `orgcal.entra`).
"""
