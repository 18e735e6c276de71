"""The home tenant as the operator sees it: its applications, its policies, what the operator may do there."""
