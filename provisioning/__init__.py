"""The parts of the Pulumi program: settings, the Entra application, the connector."""
