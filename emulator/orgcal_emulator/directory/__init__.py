"""The directory: tenants, applications, service principals, grants, their rules and their Graph routes."""
