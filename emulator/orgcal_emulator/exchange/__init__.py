"""Exchange Online's own rights of applications: role assignments with scopes, and application access policies."""
