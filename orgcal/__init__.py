"""orgcal: an Outlook Calendar (Admin) connector, from nothing to proven, in one `pulumi up`.

This package holds what the Pulumi program (`provisioning`), the checks (`verify`), the plugins
(`providers`) and the command (`orgcal.cli`) share. Nothing here but `orgcal.engine` imports pulumi.
"""
