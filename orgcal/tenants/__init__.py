"""Registry of customer tenants: who was invited, who consented to what, and everything that was ever done about it."""
