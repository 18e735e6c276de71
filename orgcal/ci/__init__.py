"""CI set-up: identities without a secret, workflows, and what their environments hold."""
