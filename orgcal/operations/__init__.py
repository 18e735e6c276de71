"""Looking after a stack: what it asks for, what it holds, what is left over, what it could take over."""
