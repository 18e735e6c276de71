"""orgcal deploys an Outlook Calendar (Admin) connector with one `pulumi up`, and verifies that it works.

This package holds what the Pulumi program (`provisioning`), the checks (`verify`), the plugins (`orgcal.provider`) and
the command (`orgcal.cli`) share. Only `orgcal.engine`, `orgcal.stack` and the plugins import pulumi.
"""

__version__ = "0.1.0"
"""Of the distribution, which the build reads here, and of the plugin `orgcal`."""
