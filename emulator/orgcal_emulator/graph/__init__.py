"""Microsoft Graph's front: one dispatcher for single requests and `$batch`, OData options, errors, permissions."""
