"""Finds, installs or builds the Pulumi engine, and the plugins that belong to it.

    versions   which versions belong together
    find       the engine to use, made where there is none (`find_engine`)
    cache      where ours lies, and how it stays what was built
    installer  Pulumi's own installer, in a child process with a time limit
    build      the engine from Go modules (`gomod/` holds the recipe)
    toolchain  the Go that builds it
    child      processes that end with the one that started them
    plugins    the real azuread plugin or the stand-in

`python -m orgcal.engine path` prints the folder of the engine's programs and makes them if needed.
"""
